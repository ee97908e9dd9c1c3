import build from './built.mjs';

export default async function setup() {
  build();
  (await import('../../../dist/libs/testing/src/global-setup.js')).default();
}
