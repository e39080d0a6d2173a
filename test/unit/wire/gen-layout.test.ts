/**
 * Proves that bpf/gen_layout.mjs refuses every layout that could not cross the stream unharmed, and (where clang, gcc
 * and bpftool are installed) that the committed layout is the one of bpf/sensor_wire.h. The refusals are fed with type
 * information in the form of `bpftool btf dump -j`; that bpftool prints this form, only the last test proves.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { packageRoot } from '../../support/package-root.js';

const BPF = join(packageRoot(), 'bpf');
const scratch = mkdtempSync(join(tmpdir(), 'stuckd-layout-'));
after(() => rmSync(scratch, { recursive: true }));

interface Member {
  readonly name: string;
  readonly type_id: number;
  readonly bits_offset: number;
  readonly bitfield_size?: number;
}

interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly [key: string]: unknown;
}

const CHAR = 1;
const U8 = 3;
const U16 = 5;
const U32 = 7;
const U64 = 9;
const MONO_US = 10;
const UNSIGNED_INT = 6;
const HEADER = 20;
const OTHER = 30;

/** The types that every case may refer to, as clang writes them. */
const BASE: readonly BtfType[] = [
  { id: CHAR, kind: 'INT', name: 'char', size: 1 },
  { id: 2, kind: 'INT', name: 'unsigned char', size: 1 },
  { id: U8, kind: 'TYPEDEF', name: '__u8', type_id: 2 },
  { id: 4, kind: 'INT', name: 'unsigned short', size: 2 },
  { id: U16, kind: 'TYPEDEF', name: '__u16', type_id: 4 },
  { id: UNSIGNED_INT, kind: 'INT', name: 'unsigned int', size: 4 },
  { id: U32, kind: 'TYPEDEF', name: '__u32', type_id: UNSIGNED_INT },
  { id: 8, kind: 'INT', name: 'unsigned long long', size: 8 },
  { id: U64, kind: 'TYPEDEF', name: '__u64', type_id: 8 },
  { id: MONO_US, kind: 'TYPEDEF', name: 'mono_us_t', type_id: U64 },
];

/** @param fields name, type and byte offset. */
function struct(id: number, name: string, size: number, fields: readonly [string, number, number][]): BtfType {
  const members = fields.map(([field, type, offset]): Member => ({
    name: field,
    type_id: type,
    bits_offset: offset * 8,
  }));
  return { id, kind: 'STRUCT', name, size, members };
}

const GOOD_HEADER = struct(HEADER, 'record_header', 8, [
  ['size', U32, 0],
  ['kind', U16, 4],
  ['cause', U16, 6],
]);

function enumeration(id: number, name: string, values: Readonly<Record<string, number>>): BtfType {
  return { id, kind: 'ENUM', name, values: Object.entries(values).map(([value, val]) => ({ name: value, val })) };
}

/** What checks across types need; one kind of record, RECORD_CLOCK. */
const GOOD_REST: readonly BtfType[] = [
  GOOD_HEADER,
  enumeration(90, 'wire_constant', { WIRE_RECORD_MAX: 64, WIRE_MAGIC_LOW: 1, WIRE_MAGIC_HIGH: 2 }),
  enumeration(91, 'record_kind', { RECORD_CLOCK: 1 }),
];

/** @returns a record that is right but for its fields after the header. */
function clock(size: number, fields: readonly [string, number, number][]): BtfType {
  return struct(OTHER, 'clock_record', size, [['header', HEADER, 0], ...fields]);
}

const GOOD_CLOCK = clock(16, [['mono_us', MONO_US, 8]]);

interface Run {
  readonly status: number | null;
  readonly stderr: string;
  readonly typescript: string;
  readonly header: string;
}

function runGenerator(bpf: string, host: string, ...more: readonly string[]): Run {
  const typescript = join(scratch, 'layout.generated.ts');
  const header = join(scratch, 'layout_hash.h');
  const options = ['--bpf', bpf, '--host', host, '--typescript', typescript, '--header', header, ...more];
  // Debian keeps bpftool in /usr/sbin, which is not on every user's path.
  const env = { ...process.env, PATH: [process.env['PATH'], '/usr/sbin'].join(delimiter) };
  const { status, stderr } = spawnSync(process.execPath, [join(BPF, 'gen_layout.mjs'), ...options], {
    encoding: 'utf8',
    env,
  });
  return { status, stderr, typescript, header };
}

function refusal(bpfTypes: readonly BtfType[], hostTypes: readonly BtfType[]): string {
  const bpf = join(scratch, 'bpf.json');
  const host = join(scratch, 'host.json');
  writeFileSync(bpf, JSON.stringify({ types: [...BASE, ...bpfTypes] }));
  writeFileSync(host, JSON.stringify({ types: [...BASE, ...hostTypes] }));
  const { status, stderr, typescript, header } = runGenerator(bpf, host);
  assert.equal(status, 1, stderr);
  assert.ok(!existsSync(typescript) && !existsSync(header), 'nothing is written');
  return stderr;
}

describe('gen_layout refuses', () => {
  const array = (element: number, count: number): BtfType => ({
    id: 40,
    kind: 'ARRAY',
    name: '(anon)',
    type_id: element,
    nr_elems: count,
  });
  const bitfield = { name: 'bits', type_id: U64, bits_offset: 64, bitfield_size: 3 };
  const cases: readonly (readonly [what: string, types: readonly BtfType[], says: RegExp])[] = [
    [
      'a hole',
      [
        clock(24, [
          ['a', U32, 8],
          ['b', U64, 16],
        ]),
      ],
      /field b: a hole of 4 bytes in front of it, at offset 12/,
    ],
    ['tail padding', [clock(16, [['a', U32, 8]])], /struct clock_record: 4 bytes of tail padding/],
    [
      'a packed struct',
      [
        clock(24, [
          ['a', U8, 8],
          ['b', U64, 9],
        ]),
      ],
      /field b: at offset 9, not aligned to its 8 bytes/,
    ],
    ['a size that is no multiple of 8', [clock(12, [['a', U32, 8]])], /size of 12 is no multiple of 8/],
    ['a bitfield', [{ ...clock(16, []), members: [bitfield] }], /field bits: a bitfield/],
    ['a pointer', [clock(16, [['a', 40, 8]]), { id: 40, kind: 'PTR', name: '(anon)', type_id: U8 }], /kind PTR/],
    ['a union', [{ id: 40, kind: 'UNION', name: 'either', members: [] }], /union either/],
    ['a float', [clock(16, [['a', 40, 8]]), { id: 40, kind: 'FLOAT', name: 'double', size: 8 }], /kind FLOAT/],
    ['a field of enum type', [clock(16, [['a', 91, 8]])], /field a: unsupported kind ENUM/],
    ['a plain C integer', [clock(16, [['a', UNSIGNED_INT, 8]])], /field a: unsigned int is not a fixed-width type/],
    ['an array of u32', [clock(16, [['a', 40, 8]]), array(U32, 2)], /an array of __u32; only char and __u8/],
    ['a nested struct', [clock(16, [['a', 40, 8]]), struct(40, 'pair', 8, [['x', U64, 0]])], /unsupported kind STRUCT/],
    [
      'a record above the cap',
      [clock(72, [['a', 40, 8]]), array(CHAR, 64)],
      /72 bytes, more than SENSOR_RECORD_MAX, 64/,
    ],
    ['a record without header', [struct(OTHER, 'clock_record', 8, [['a', U64, 0]])], /begins with no record_header/],
    ['a struct of another name', [struct(OTHER, 'extra', 8, [['header', HEADER, 0]])], /neither _record nor _command/],
    ['a record without kind', [struct(OTHER, 'extra_record', 8, [['header', HEADER, 0]])], /has no RECORD_EXTRA/],
    ['a kind without record', [], /1 kinds of records, but 0 structs/],
    // The remaining check, as everything else is in order: this is what a struct forgotten in event_layout.c gives.
    ['an incomplete event_layout.c', [GOOD_CLOCK], /of sensor_wire.h has no global in event_layout.c/],
  ];
  for (const [what, types, says] of cases) {
    test(what, () => assert.match(refusal([...types, ...GOOD_REST], [...types, ...GOOD_REST]), says));
  }

  test('compilers that disagree, even in a type alone', () => {
    const other = clock(16, [['mono_us', U64, 8]]);
    const message = refusal([GOOD_CLOCK, ...GOOD_REST], [other, ...GOOD_REST]);
    assert.match(message, /" {2}8 8 mono_us mono_us_t __u64" for BPF, " {2}8 8 mono_us __u64 __u64" for the host/);
  });

  test('a call without all its options', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(BPF, 'gen_layout.mjs')], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /--bpf, --host, --typescript and --header are all needed/);
  });
});

function missingTool(): string | undefined {
  const path = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return ['clang', 'gcc', 'bpftool'].find((tool) => !path.some((directory) => existsSync(join(directory, tool))));
}

/** Compiles sensor_wire.h. @returns the objects for BPF and for this machine */
function compileLayout(): readonly [bpf: string, host: string] {
  const bpf = join(scratch, 'layout.bpf.o');
  const host = join(scratch, 'layout.host.o');
  const source = join(BPF, 'event_layout.c');
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const compilers: readonly (readonly [string, readonly string[]])[] = [
    ['clang', ['-g', '-O2', '-target', 'bpf', `-I/usr/include/${machine}-linux-gnu`, '-c', source, '-o', bpf]],
    ['gcc', ['-gbtf', '-c', source, '-o', host]],
  ];
  for (const [compiler, options] of compilers) {
    const { status, stderr } = spawnSync(compiler, options, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
  return [bpf, host];
}

test('the committed layout is that of sensor_wire.h', (context) => {
  const missing = missingTool();
  if (missing !== undefined) {
    context.skip(`${missing} is not installed`);
    return;
  }
  const objects = compileLayout();
  const { status, stderr, typescript, header } = runGenerator(...objects);
  assert.equal(status, 0, stderr);
  const committed = join(packageRoot(), 'daemon', 'wire', 'layout.generated.ts');
  assert.equal(readFileSync(typescript, 'utf8'), readFileSync(committed, 'utf8'));
  assert.equal(readFileSync(header, 'utf8'), readFileSync(join(BPF, 'layout_hash.h'), 'utf8'));
  // What the build for another kind of machine asks: is its layout the one that is there? Nothing is written then.
  assert.equal(runGenerator(...objects, '--check').status, 0);
  const changed = readFileSync(typescript, 'utf8').replace(/offset: (\d+)/, 'offset: 1$1');
  writeFileSync(typescript, changed);
  const other = runGenerator(...objects, '--check');
  assert.equal(other.status, 1);
  assert.match(other.stderr, /layout\.generated\.ts holds ".*offset: 1\d+.*", and not ".*offset: \d+/);
  assert.equal(readFileSync(typescript, 'utf8'), changed);
});
