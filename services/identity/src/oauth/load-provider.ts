import type * as OidcProvider from 'oidc-provider';

type Library = typeof OidcProvider;

let loading: Promise<Library> | null = null;

/**
 * Loads oidc-provider. The library targets Node 22; the only feature it needs beyond Node 20 is `URL.parse`, which is added here.
 * Its warning about the Node version at every start is suppressed.
 */
export function loadProvider(): Promise<Library> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Library> {
  if (!Reflect.has(URL, 'parse')) {
    Reflect.set(URL, 'parse', (text: string, base?: string) => {
      try {
        return new URL(text, base);
      } catch {
        return null;
      }
    });
  }
  /* eslint-disable no-console -- the library speaks to the console while it loads, and only then */
  const warn = console.warn;
  console.warn = (...args: unknown[]) => {
    if (!/oidc-provider WARNING: Unsupported runtime/.test(String(args[0]))) warn(...args);
  };
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
    /* eslint-enable no-console */
  }
}
