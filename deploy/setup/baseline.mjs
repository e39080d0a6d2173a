// Writes the contract as it is now into the baseline that "npm run lint" compares it with: for a release, when what was
// added since the one before becomes a promise. Refuses to forget a promise unless it is told --breaking.
import { baselineFile, buf, buildDescriptors } from './buf.mjs';
import { ToolError } from './run-tool.mjs';

try {
  if (!process.argv.includes('--breaking')) {
    await buf('breaking', '--against', baselineFile);
  }
  await buildDescriptors(baselineFile);
  process.stdout.write(`${baselineFile} is the contract of now; commit it.\n`);
} catch (error) {
  if (!(error instanceof ToolError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\nThe baseline was left as it is; "-- --breaking" writes it all the same.\n`);
  process.exitCode = 1;
}
