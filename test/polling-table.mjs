// The table of the kernel tests of a sensor that polls: what passes, and what does not apply and why.
import { writeFileSync } from 'node:fs';

/** How `notPolled` (test/support/sensor-mode.ts) begins the reason of a skipped test. */
const MARK = 'does not apply to polling: ';

const INTRODUCTION = [
  '# The kernel tests of a sensor that polls',
  '',
  'Which of the kernel tests a sensor passes that uses no BPF, but sock_diag and `/proc`; and which do not apply to it, and',
  'why. Written by `npm run test:kernel -- --mode polling --table test/kernel/POLLING.md`.',
  '',
];

/** Counts the tests of each file as they end. */
export class PollingTable {
  #files = new Map();

  /** @param file without folders and endings  @param event of the test runner */
  take(file, { type, data }) {
    if ((type !== 'test:pass' && type !== 'test:fail') || (data.details.type === 'suite' && data.skip === undefined)) {
      return;
    }
    const row = this.#files.get(file) ?? { passed: 0, failed: 0, skipped: 0, reasons: new Map() };
    this.#files.set(file, row);
    if (type === 'test:fail') {
      row.failed += 1;
    } else if (data.skip === undefined) {
      row.passed += 1;
    } else if (typeof data.skip === 'string' && data.skip.startsWith(MARK)) {
      const reason = data.skip.slice(MARK.length);
      row.reasons.set(reason, [...(row.reasons.get(reason) ?? []), data.name]);
    } else {
      row.skipped += 1;
    }
  }

  /** A file runs once more, and that counts. */
  forget(file) {
    this.#files.delete(file);
  }

  get #rows() {
    return [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** For a terminal. */
  text() {
    const width = Math.max(...this.#rows.map(([file]) => file.length));
    const lines = this.#rows.flatMap(([file, row]) => {
      const name = `  ${file.padEnd(width)}  `;
      if (isAboutAll(row)) {
        return [`${name}-: ${[...row.reasons.keys()][0]}`];
      }
      const reasons = [...row.reasons].map(([reason, names]) => `${' '.repeat(name.length)}${names.length}: ${reason}`);
      return [`${name}${countsOf(row).join(', ')}`, ...reasons];
    });
    return ['kernel tests of a sensor that polls', ...lines, ''].join('\n');
  }

  /** As a page of Markdown, unless something failed; tests that this machine cannot run are left out. */
  writeMarkdown(path) {
    if ([...this.#files.values()].some(({ failed }) => failed > 0)) {
      throw new Error(`${path} is left as it is: a test has failed`);
    }
    const cells = this.#rows.map(([file, row]) => {
      const { passed, reasons } = row;
      const inapplicable = [...reasons.values()].flat().length;
      const share = isAboutAll(row) ? 'all' : String(inapplicable);
      return [`\`${file}\``, passed === 0 ? '-' : String(passed), inapplicable === 0 ? '' : share];
    });
    const reasons = this.#rows.flatMap(([file, row]) =>
      [...row.reasons].map(([reason, names]) => `- \`${file}\`: ${namesOf(names, row)}${reason}`),
    );
    const table = tableOf([['file', 'passed', 'does not apply'], ...cells]);
    writeFileSync(path, [...INTRODUCTION, ...table, '', '## What does not apply', '', ...reasons, ''].join('\n'));
  }
}

/** As prettier lays it out. */
function tableOf(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const lineOf = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const [head, ...body] = rows;
  return [lineOf(head), lineOf(widths.map((width) => '-'.repeat(width))), ...body.map(lineOf)];
}

function countsOf({ passed, failed, skipped, reasons }) {
  const inapplicable = [...reasons.values()].flat().length;
  return [
    ...(passed > 0 ? [`${passed} passed`] : []),
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(inapplicable > 0 ? [`${inapplicable} not applicable`] : []),
  ];
}

/** Whether the one reason is that of the file as a whole. */
function isAboutAll({ passed, failed, skipped, reasons }) {
  return passed + failed + skipped === 0 && reasons.size === 1;
}

/** Which tests of the file these are; nothing is said where it is the file as a whole. */
function namesOf(names, row) {
  return isAboutAll(row) ? '' : `${names.map((name) => `"${name}"`).join(', ')}: `;
}
