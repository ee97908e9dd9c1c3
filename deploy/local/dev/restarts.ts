/** Effect of a changed source file on a running development network. */
export type Restart =
  | { readonly kind: 'nothing' }
  /** Only this service uses it. */
  | { readonly kind: 'service'; readonly name: string }
  /** Every service may use it. */
  | { readonly kind: 'services' }
  /** What runs the services uses it: only a new start takes it up. */
  | { readonly kind: 'network' };

/** @param file path from the root of the repository, with `/` */
export function restartOf(file: string): Restart {
  const [tree, name = '', part = ''] = file.split('/');
  if (!file.endsWith('.ts') || /(\.spec|\.d)\.ts$/.test(file)) return { kind: 'nothing' };
  if (tree === 'services')
    return part === 'src' || part === 'migrations' ? { kind: 'service', name } : { kind: 'nothing' };
  if (tree === 'libs') return name === 'testing' || part !== 'src' ? { kind: 'nothing' } : { kind: 'services' };
  if (tree === 'deploy') return name === 'local' && part !== 'test' ? { kind: 'network' } : { kind: 'nothing' };
  return { kind: 'nothing' };
}

export function restartsOf(
  files: Iterable<string>,
  all: readonly string[],
): { readonly services: readonly string[]; readonly network: boolean } {
  const asked = [...files].map(restartOf);
  const named = new Set(asked.flatMap((one) => (one.kind === 'service' ? [one.name] : [])));
  const every = asked.some(({ kind }) => kind === 'services');
  return {
    services: all.filter((name) => every || named.has(name)),
    network: asked.some(({ kind }) => kind === 'network'),
  };
}
