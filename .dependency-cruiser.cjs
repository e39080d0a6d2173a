// The layers of daemon/ and who may talk to the outside. Each rule forbids; its comment says why.

/** A folder (or file) of daemon/ as a pattern over the paths that dependency-cruiser sees. */
const below = (name) => `^daemon/${name}/`;
const anyOf = (patterns) => (patterns.length === 1 ? patterns[0] : `(${patterns.join('|')})`);

/** Inside the daemon, a layer imports itself and the allowed layers only. Tests are covered by a rule of their own. */
function layer(name, allowed, comment) {
  return {
    name: `layer-${name}`,
    comment,
    severity: 'error',
    from: { path: below(name) },
    to: { path: '^daemon/', pathNot: [below(name), ...allowed] },
  };
}

/** Something outside (a module of Node or of npm, or a generated file) that only its owners import. */
function owned(name, target, owners, comment) {
  return {
    name: `owner-of-${name}`,
    comment,
    severity: 'error',
    from: { path: '^daemon/', pathNot: owners },
    to: { path: target },
  };
}

/** npm packages as they resolve, wherever npm nests them. */
const npm = (name) => `(^|/)node_modules/${name}/`;

const core = below('core');
const lib = below('lib');
const gen = below('rpc/gen');

/** The files of rpc/ that describe the contract rather than serve it; a client shares these. */
const rpcContract =
  '^daemon/rpc/(address|alert-names|audit-counts|audit-names|call-error|client-tls|delivery-names|enum-mapping|grpc-client|peer-address|proto-json|proto-time|service-definition|services)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('core', [], 'The tracker, the give-up model and the diagnosis are judged without a machine around them.'),
    {
      name: 'pure-core-and-wire',
      comment: 'core/ and wire/ compute; what comes from Node or npm would bring a clock, chance or I/O with it.',
      severity: 'error',
      from: { path: anyOf([core, below('wire')]) },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    },
    layer('lib', [core], 'lib/ implements ports of core/ and serves every other layer, so it can know none of them.'),
    layer('wire', [core], 'Decoding turns bytes into the records of core/ and needs nothing else.'),
    layer(
      'sensor',
      [core, lib, below('wire')],
      'The sensor side delivers records; what becomes of them is not its matter.',
    ),
    layer(
      'tracker',
      [core, lib],
      'It feeds the pure tracker and carries out its effects through ports that app gives it.',
    ),
    layer(
      'alerts',
      [core, lib],
      'It feeds the pure alert rules with records and passes on what they say, through ports that app gives it.',
    ),
    layer('store', [core, lib], 'What is kept on disk is the state of core/, not of whoever shows it.'),
    layer('workload', [core, lib], 'It reads files of the kernel; who wants to know is joined to it by app.'),
    layer(
      'kubernetes',
      [core, lib],
      'It speaks to the API server and puts names to a workload, however that was found.',
    ),
    layer(
      'sinks',
      [core, lib],
      'Receivers are told what core/ knows; that it is JSON of the contract is given by app.',
    ),
    layer(
      'service-manager',
      [core, lib],
      'It tells systemd what app knows of the daemon; it starts and stops nothing itself.',
    ),
    layer(
      'rpc',
      [core, lib],
      'gRPC shows what core/ knows; it reaches the sensor only through the ports that app gives it.',
    ),
    layer('metrics', [core, lib], 'It turns what core/ knows into numbers; who serves them is joined to it by app.'),
    layer('http', [lib], 'It serves pages that are given to it, and knows nothing of what they say.'),
    layer(
      'cli',
      [core, lib, gen, rpcContract],
      'stuckctl is a gRPC client: it may share the contract with the server, never its state, sensor or wire.',
    ),
    layer(
      'demo',
      [core, lib, below('cli'), gen, rpcContract],
      'The demo starts the real daemon and asks it as any client does; a shortcut inside would prove nothing.',
    ),
    {
      name: 'main-only-starts',
      comment: 'main.ts reads arguments and gives the exit code; the parts are put together in app.ts.',
      severity: 'error',
      from: { path: '^daemon/main\\.ts$' },
      to: { path: '^daemon/', pathNot: ['^daemon/[^/]+\\.ts$', lib, below('demo')] },
    },
    {
      name: 'nothing-imports-the-top',
      comment: 'app.ts, run.ts and main.ts put the layers together; a layer that imports them would know all others.',
      severity: 'error',
      from: { path: '^daemon/[^/]+/' },
      to: { path: '^daemon/(app|main|run)\\.ts$' },
    },
    owned(
      'child-process',
      '^(node:)?child_process$',
      [below('sensor'), below('demo')],
      'The daemon starts one program, the sensor; whatever else is started as root must stand out.',
    ),
    owned(
      'https',
      '^(node:)?https$',
      [below('kubernetes')],
      'Whoever calls out of this machine must stand out, with the limits that keep it from hanging.',
    ),
    owned(
      'undici',
      npm('undici'),
      [below('sinks')],
      'Requests to outside go through one client, with its address rules.',
    ),
    owned('grpc-js', npm('@grpc/grpc-js'), [below('rpc')], 'A change of the gRPC library stays in one folder.'),
    owned(
      'prom-client',
      npm('prom-client'),
      ['^daemon/metrics/metric-set\\.ts$'],
      'The package is about to get another name; then it is one file that changes.',
    ),
    owned(
      'pino',
      npm('pino'),
      ['^daemon/lib/logger\\.ts$'],
      'Log lines have one shape, and it is decided in one place.',
    ),
    owned(
      'systeminformation',
      npm('systeminformation'),
      ['^daemon/system-information\\.ts$'],
      'It starts programs and reads files of its own accord, so it is asked once, in one place.',
    ),
    owned(
      'protobufjs',
      npm('protobufjs'),
      [gen, '^daemon/rpc/shared-change\\.ts$'],
      'Messages are made by the generated classes, which check and bound them; changes are put together from bytes that are shared.',
    ),
    owned(
      'layout',
      '^daemon/wire/layout\\.generated\\.ts$',
      [below('wire')],
      'Offsets of C structs are the business of the decoders; the handshake beside them compares their hash.',
    ),
    {
      name: 'no-cycles',
      comment: 'Files that need each other are one file that is hard to read.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-test-in-the-daemon',
      comment: 'What is shipped must not depend on what is only there for the tests.',
      severity: 'error',
      from: { path: '^daemon/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that cannot be resolved would escape every rule above.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'An installation without the development packages must still run.',
      severity: 'error',
      from: { path: '^daemon/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: ['(^|/)node_modules/', gen] },
    enhancedResolveOptions: { conditionNames: ['import', 'types', 'node', 'default'], exportsFields: ['exports'] },
    tsConfig: { fileName: 'tsconfig.json' },
    // Without it an import of types only would be invisible, and with it every layer rule.
    tsPreCompilationDeps: true,
  },
};
