import { ModernFakeTimers } from '@jest/fake-timers';
import { ModuleMocker } from 'jest-mock';

/**
 * The realm of the worker, for all its spec files. Jest's `node` environment makes a new one for each, which has to load every library again.
 * What a file changes of globals and environment variables is restored after it.
 */
export default class OneRealm {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  // Jest itself sets the console for each file
  globals = Object.entries(Object.getOwnPropertyDescriptors(globalThis)).filter(([name]) => name !== 'console');
  env = { ...process.env };
  exit = process.exit;

  constructor({ projectConfig }) {
    this.fakeTimersModern = new ModernFakeTimers({ config: projectConfig, global: globalThis });
  }

  async setup() {}

  async teardown() {
    this.moduleMocker.restoreAllMocks();
    this.fakeTimersModern.dispose();
    for (const [name, was] of this.globals) if (was.configurable) Object.defineProperty(globalThis, name, was);
    for (const name of Object.keys(process.env)) if (!(name in this.env)) delete process.env[name];
    Object.assign(process.env, this.env);
    process.exit = this.exit;
  }

  getVmContext() {
    return null;
  }
}
