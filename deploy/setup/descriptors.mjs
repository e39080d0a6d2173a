import { Buffer } from 'node:buffer';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDescriptors } from './buf.mjs';
import { root } from './run-tool.mjs';

export const descriptorFiles = ['daemon/rpc/gen/descriptors.js', 'daemon/rpc/gen/descriptors.d.ts'];

/** All full names that a file declares; of a message also those of its fields, as reflection is asked for them too. */
function symbolsOf({ package: scope, messageType, enumType, service }) {
  const found = [];
  const message = (outer, { name, field, nestedType, enumType }) => {
    const full = `${outer}.${name}`;
    found.push(full, ...field.map((part) => `${full}.${part.name}`));
    nestedType.forEach((nested) => message(full, nested));
    enumType.forEach((nested) => found.push(`${full}.${nested.name}`));
  };
  messageType.forEach((declared) => message(scope, declared));
  enumType.forEach((declared) => found.push(`${scope}.${declared.name}`));
  for (const { name, method } of service) {
    found.push(`${scope}.${name}`, ...method.map((part) => `${scope}.${name}.${part.name}`));
  }
  return found;
}

/** The files of a FileDescriptorSet, whose only field is a list of them, as they are: decoding could lose something. */
function split(set, Reader) {
  const files = [];
  const reader = Reader.create(set);
  while (reader.pos < reader.len) {
    reader.uint32();
    files.push(reader.bytes());
  }
  return files;
}

/** What buf makes of proto/, file by file: reflection hands these bytes out and never needs to understand them. */
async function describedFiles() {
  // Not at the top of the file: when the setup starts, there may be no packages yet.
  const { default: protobuf } = await import('protobufjs/ext/descriptor.js');
  const { Reader } = await import('protobufjs/minimal.js').then((module) => module.default);
  const folder = mkdtempSync(join(tmpdir(), 'stuckd-descriptors-'));
  try {
    const output = join(folder, 'set.binpb');
    await buildDescriptors(output, '--as-file-descriptor-set');
    return split(readFileSync(output), Reader).map((bytes) => {
      const file = protobuf.FileDescriptorProto.decode(bytes);
      return {
        name: file.name,
        imports: file.dependency,
        symbols: symbolsOf(file),
        bytes: Buffer.from(bytes).toString('base64'),
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const types = `/** A file of proto/ as reflection serves it. */
export interface DescribedFile {
  readonly name: string;
  readonly imports: readonly string[];
  /** Full names of what it declares. */
  readonly symbols: readonly string[];
  /** A FileDescriptorProto in base64. */
  readonly bytes: string;
}
export declare const DESCRIBED_FILES: readonly DescribedFile[];
`;

/** The contract as data for reflection, a module of its own that is only read when somebody asks. */
export async function writeDescriptors() {
  const [code, declaration] = descriptorFiles.map((path) => join(root, path));
  writeFileSync(code, `export const DESCRIBED_FILES = ${JSON.stringify(await describedFiles(), null, 1)};\n`);
  writeFileSync(declaration, types);
}
