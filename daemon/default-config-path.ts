/** Read if it exists. It stands apart from the rest of the configuration because --help names it and needs no more. */
export const DEFAULT_CONFIG_PATH = '/etc/stuckd/stuckd.yaml';
