/** Health check of a container: 0 when the service in it is ready. The image has no curl. */
const url = `http://127.0.0.1:${process.env.OPS_PORT ?? '9464'}/health/ready`;
const response = await fetch(url, { signal: AbortSignal.timeout(3_500) }).catch(() => null);
if (response?.status !== 200) {
  console.error(response === null ? `${url} does not answer` : await response.text());
  process.exitCode = 1;
}
