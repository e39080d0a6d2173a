/**
 * Writes the layout of bpf/sensor_wire.h, as the compilers see it, to daemon/wire/layout.generated.ts (for the decoder)
 * and bpf/layout_hash.h (for the handshake). Both are committed, so that nobody needs clang to work on the TypeScript.
 *
 * To regenerate after a change of sensor_wire.h: `make layout golden` in bpf/, which runs, with O=.output,
 *
 *   clang -g -O2 -target bpf -I/usr/include/$(uname -m)-linux-gnu -c event_layout.c -o $O/event_layout.bpf.o
 *   gcc -gbtf -c event_layout.c -o $O/event_layout.host.o
 *   node gen_layout.mjs --bpf $O/event_layout.bpf.o --host $O/event_layout.host.o \
 *     --typescript ../daemon/wire/layout.generated.ts --header layout_hash.h
 *   gcc -o $O/write_golden write_golden.c && $O/write_golden ../test/golden
 *
 * `--bpf` and `--host` name objects with BTF, or (name ends in .json) what `bpftool btf dump file OBJECT -j` printed.
 * Both must describe the same layout, since the ABI of BPF and the host's could differ. `--bpftool` is the program to
 * read objects with. With `--check` nothing is written: the files must hold the same already. So the layout of a compiler
 * for another kind of machine is held against the one that is committed.
 * Exit codes: 0 done, 1 the layout is refused, with the reason on standard error and nothing written.
 *
 * Refused in every struct: holes, tail padding, bitfields, pointers, unions, floats, enum fields, plain C integers
 * (only __uN, __sN and typedefs of them have one width everywhere), nested structs other than the header in front,
 * arrays of anything but char and __u8, sizes that are no multiple of 8 or exceed SENSOR_RECORD_MAX.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const WIRE_HEADER = new URL('sensor_wire.h', import.meta.url);

const FIXED_WIDTH = /^__([us])(8|16|32|64)$/;

/** A layout that is refused: the message is for the developer, a stack is not. */
class LayoutError extends Error {}

/** @returns the BTF types of an object file, or of its JSON dump. */
function readTypes(path, bpftool) {
  const json = path.endsWith('.json')
    ? readFileSync(path, 'utf8')
    : execFileSync(bpftool, ['btf', 'dump', 'file', path, '-j'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return JSON.parse(json).types;
}

/**
 * @returns the type of a scalar field, as `{ type, base, size }`: its own name, which carries the unit, the fixed-width
 *     name below it, and its bytes.
 */
function scalarType(typeOf, id, where) {
  const outer = typeOf(id);
  let type = outer;
  while (type.kind === 'TYPEDEF' && !FIXED_WIDTH.test(type.name)) {
    type = typeOf(type.type_id);
  }
  const base = type.name;
  const width = FIXED_WIDTH.exec(base);
  while (type.kind === 'TYPEDEF') {
    type = typeOf(type.type_id);
  }
  if (type.kind !== 'INT') {
    throw new LayoutError(`${where}: unsupported kind ${type.kind}`);
  }
  if (width === null || Number(width[2]) !== type.size * 8) {
    throw new LayoutError(`${where}: ${outer.name} is not a fixed-width type`);
  }
  return { type: outer.name, base, size: type.size, align: type.size };
}

/** @returns the type of a field: a scalar, an array of bytes or characters, or the header. */
function fieldType(typeOf, id, where) {
  const type = typeOf(id);
  if (type.kind === 'STRUCT' && type.name === 'record_header') {
    return { type: type.name, base: type.name, size: type.size, align: 8 };
  }
  if (type.kind !== 'ARRAY') {
    return scalarType(typeOf, id, where);
  }
  const element = typeOf(type.type_id);
  const isCharacter = element.kind === 'INT' && element.name === 'char';
  const name = isCharacter ? 'char' : scalarType(typeOf, type.type_id, where).type;
  if (name !== 'char' && name !== '__u8') {
    throw new LayoutError(`${where}: an array of ${name}; only char and __u8 are supported`);
  }
  const array = `${name}[${type.nr_elems}]`;
  return { type: array, base: array, size: type.nr_elems, align: 1 };
}

function readStruct(typeOf, struct) {
  const fields = [];
  let end = 0;
  for (const member of struct.members) {
    const where = `struct ${struct.name}, field ${member.name}`;
    if (member.bitfield_size > 0 || member.bits_offset % 8 !== 0) {
      throw new LayoutError(`${where}: a bitfield`);
    }
    const offset = member.bits_offset / 8;
    if (offset !== end) {
      throw new LayoutError(`${where}: a hole of ${offset - end} bytes in front of it, at offset ${end}`);
    }
    const { type, base, size, align } = fieldType(typeOf, member.type_id, where);
    if (offset % align !== 0) {
      throw new LayoutError(`${where}: at offset ${offset}, not aligned to its ${align} bytes`);
    }
    fields.push({ name: member.name, offset, size, type, base });
    end += size;
  }
  if (end !== struct.size) {
    throw new LayoutError(`struct ${struct.name}: ${struct.size - end} bytes of tail padding`);
  }
  if (struct.size % 8 !== 0) {
    throw new LayoutError(`struct ${struct.name}: its size of ${struct.size} is no multiple of 8`);
  }
  return { name: struct.name, size: struct.size, fields };
}

const byName = (a, b) => (a.name < b.name ? -1 : 1);

/** @returns the structs and enums of one object, refusing whatever cannot cross the stream. */
function readLayout(types) {
  const typeById = new Map(types.map((type) => [type.id, type]));
  const typeOf = (id) => typeById.get(id) ?? { kind: 'VOID', name: 'void' };
  for (const { kind, name } of types) {
    if (kind === 'UNION') {
      throw new LayoutError(`union ${name}: unsupported kind UNION`);
    }
  }
  const structs = types.filter(({ kind }) => kind === 'STRUCT').map((type) => readStruct(typeOf, type));
  const enums = types
    .filter(({ kind }) => kind === 'ENUM')
    .map(({ name, values }) => ({ name, values: values.map(({ name, val }) => ({ name, value: val })) }));
  return { structs: structs.sort(byName), enums: enums.sort(byName) };
}

/** @returns the layout as text that is the same for every compiler and order of declarations; the hash is taken of it. */
function canonicalText({ structs, enums }) {
  const lines = [];
  for (const { name, size, fields } of structs) {
    lines.push(`struct ${name} ${size}`);
    lines.push(...fields.map((field) => `  ${field.offset} ${field.size} ${field.name} ${field.type} ${field.base}`));
  }
  for (const { name, values } of enums) {
    lines.push(`enum ${name}`);
    lines.push(...values.map((value) => `  ${value.name} ${value.value}`));
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Both texts as a whole, not only sizes: a field can change its type and stay where it is.
 * @param describe makes the message of two lines that differ
 */
function requireSameText(left, right, describe) {
  const leftLines = left.split('\n');
  const rightLines = right.split('\n');
  for (let at = 0; at < Math.max(leftLines.length, rightLines.length); at++) {
    if (leftLines[at] !== rightLines[at]) {
      throw new LayoutError(describe(leftLines[at], rightLines[at]));
    }
  }
}

function enumValue(enums, enumName, valueName) {
  const found = enums.find(({ name }) => name === enumName)?.values.find(({ name }) => name === valueName);
  if (found === undefined) {
    throw new LayoutError(`enum ${enumName} has no ${valueName}`);
  }
  return found.value;
}

/** Checks what spans several types: the header in front, the cap, a struct for every kind of record, completeness. */
function checkWhole({ structs, enums }, headerText) {
  const recordMax = enumValue(enums, 'wire_constant', 'WIRE_RECORD_MAX');
  for (const { name, size, fields } of structs) {
    const headers = fields.filter(({ type }) => type === 'record_header');
    if (name !== 'record_header' && (headers.length !== 1 || headers[0].offset !== 0)) {
      throw new LayoutError(`struct ${name}: begins with no record_header`);
    }
    if (size > recordMax) {
      throw new LayoutError(`struct ${name}: ${size} bytes, more than SENSOR_RECORD_MAX, ${recordMax}`);
    }
    if (name !== 'record_header' && !/_(record|command)$/.test(name)) {
      throw new LayoutError(`struct ${name}: its name ends in neither _record nor _command`);
    }
  }
  const records = structs.filter(({ name }) => name.endsWith('_record'));
  const kinds = enums.find(({ name }) => name === 'record_kind')?.values ?? [];
  for (const { name } of records) {
    enumValue(enums, 'record_kind', name.replace(/^(\w+)_record$/, 'record_$1').toUpperCase());
  }
  if (records.length !== kinds.length) {
    throw new LayoutError(`${kinds.length} kinds of records, but ${records.length} structs for them`);
  }
  for (const [, kind, name] of headerText.matchAll(/^(struct|enum)\s+(\w*)\s*\{/gm)) {
    if (!(kind === 'struct' ? structs : enums).some((type) => type.name === name)) {
      throw new LayoutError(`${kind} ${name || '(anonymous)'} of sensor_wire.h has no global in event_layout.c`);
    }
  }
}

const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

function fieldLines({ name, offset, size, type }) {
  const value = type.startsWith('char[') ? `{ offset: ${offset}, length: ${size} }` : `${offset} as Offset<'${type}'>`;
  return `  ${camelCase(name)}: ${value},`;
}

function printTypeScript(layout, hash) {
  const { structs, enums } = layout;
  const half = (name) => BigInt(enumValue(enums, 'wire_constant', name));
  const magic = (half('WIRE_MAGIC_HIGH') << 32n) | half('WIRE_MAGIC_LOW');
  const lines = [
    '// DO NOT EDIT: written by bpf/gen_layout.mjs from the BTF of bpf/sensor_wire.h.',
    "import type { Offset } from './offset.js';",
    '',
    `export const SENSOR_MAGIC = 0x${magic.toString(16)}n;`,
    `export const SENSOR_LAYOUT_HASH = 0x${hash}n;`,
    `export const SENSOR_RECORD_MAX = ${enumValue(enums, 'wire_constant', 'WIRE_RECORD_MAX')};`,
  ];
  for (const { name, values } of enums.filter(({ name }) => name !== 'wire_constant')) {
    lines.push('', `/** \`enum ${name}\` */`, `export const ${name.toUpperCase()} = {`);
    lines.push(...values.map((entry) => `  ${entry.name}: ${entry.value},`), '} as const;');
  }
  for (const { name, size, fields } of structs) {
    const shown = fields.filter((field) => field.type !== 'record_header' && !field.name.startsWith('_pad'));
    lines.push('', `/** Where the fields of \`struct ${name}\` are. */`, `export const ${name.toUpperCase()} = {`);
    lines.push(...shown.map(fieldLines), '} as const;', '');
    lines.push(`export const ${name.toUpperCase()}_SIZE = ${size};`);
  }
  lines.push('', '/** The size of every record by its kind; nothing at the numbers that are no kind. */');
  lines.push('export const RECORD_SIZE_BY_KIND: readonly (number | undefined)[] = [');
  const kinds = new Map(enums.find(({ name }) => name === 'record_kind').values.map((kind) => [kind.value, kind.name]));
  for (let kind = 0; kind <= Math.max(...kinds.keys()); kind++) {
    const name = kinds.get(kind);
    lines.push(name === undefined ? '  undefined,' : `  ${name.replace(/^RECORD_(\w+)$/, '$1_RECORD_SIZE')},`);
  }
  lines.push('];', '');
  return lines.join('\n');
}

function printHashHeader(hash) {
  return [
    '/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */',
    '/* DO NOT EDIT: written by gen_layout.mjs from the BTF of sensor_wire.h. */',
    '#ifndef STUCKD_LAYOUT_HASH_H',
    '#define STUCKD_LAYOUT_HASH_H',
    '',
    `#define SENSOR_LAYOUT_HASH 0x${hash}ULL`,
    '',
    '#endif',
    '',
  ].join('\n');
}

const OPTIONS = {
  bpf: { type: 'string' },
  host: { type: 'string' },
  bpftool: { type: 'string', default: 'bpftool' },
  typescript: { type: 'string' },
  header: { type: 'string' },
  check: { type: 'boolean', default: false },
};

/** Writes the file, or demands that it is as it would be written. */
function put(path, text, check) {
  if (check) {
    requireSameText(text, readFileSync(path, 'utf8'), (made, held) => `${path} holds "${held}", and not "${made}"`);
  } else {
    writeFileSync(path, text);
  }
}

function main() {
  const { bpf, host, bpftool, typescript, header, check } = parseArgs({ options: OPTIONS }).values;
  if ([bpf, host, typescript, header].includes(undefined)) {
    throw new LayoutError('--bpf, --host, --typescript and --header are all needed');
  }
  const layout = readLayout(readTypes(bpf, bpftool));
  const text = canonicalText(layout);
  requireSameText(
    text,
    canonicalText(readLayout(readTypes(host, bpftool))),
    (ofBpf, ofHost) => `the compilers differ: "${ofBpf}" for BPF, "${ofHost}" for the host`,
  );
  checkWhole(layout, readFileSync(WIRE_HEADER, 'utf8'));
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  put(typescript, printTypeScript(layout, hash), check);
  put(header, printHashHeader(hash), check);
}

try {
  main();
} catch (error) {
  if (!(error instanceof LayoutError)) {
    throw error;
  }
  process.stderr.write(`gen_layout: ${error.message}\n`);
  process.exitCode = 1;
}
