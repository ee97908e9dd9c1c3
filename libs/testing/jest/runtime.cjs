const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join, relative } = require('node:path');
const { pathToFileURL } = require('node:url');
const { default: Runtime } = require('jest-runtime');

/** Runs what is compiled, loaded by Node: a module that several spec files of a worker import is loaded once. */
class CompiledRuntime extends Runtime {
  unstable_shouldLoadAsEsm() {
    return true;
  }

  async unstable_importModule(path) {
    const { rootDir } = this._config;
    const compiled = join(rootDir, 'dist', relative(rootDir, path)).replace(/\.ts$/, '.js');
    if (!existsSync(compiled)) throw new Error(`${compiled} does not exist: npm run build`);
    globalThis.jest = this.jestGlobals.jestObjectFor(path);
    await import(pathToFileURL(compiled).href);
  }

  requireModule(from, name = from) {
    return createRequire(from)(name);
  }

  /** Jest's collector of tests begins anew with each spec file. */
  requireInternalModule(path) {
    delete require.cache[path];
    return require(path);
  }
}

module.exports = { __esModule: true, default: CompiledRuntime };
