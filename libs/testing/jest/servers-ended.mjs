export default async function teardown() {
  await (await import('../../../dist/libs/testing/src/global-teardown.js')).default();
}
