import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateContractBody } from '#libs/sdk';
import { aBrand, aContract, aMember, anEarningRule, anOrder } from '#libs/testing';
import { byTwo } from '../local/network/by-two.js';
import { clientOf } from '../local/network/client.js';
import type { Credentials, SandboxFile } from '../local/network/sandbox-file.js';
import { Api } from '../local/replay/api.js';
import type { Container } from './machine.js';

/** A killed consumer keeps its partitions until Kafka ends its session. */
const PATIENCE_MS = 60_000;

/** Log lines of a service's instances that belong to a trace. */
function linesOf(
  containers: ReadonlyMap<string, Container>,
  service: string,
  traceId: string,
): Record<string, unknown>[] {
  return [...containers.values()]
    .filter(({ name }) => name === service || name.startsWith(`${service}-`))
    .flatMap(({ log }) => log.split('\n'))
    .filter((line) => line.startsWith('{') && line.includes(traceId))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/**
 * Sends one recorded order and follows it by its trace id alone: through the gateway and the ledger, over Kafka, into the settlement
 * service's logs.
 */
export async function checkTrace(sandbox: SandboxFile, containers: ReadonlyMap<string, Container>): Promise<void> {
  const api = new Api(sandbox, { connections: 2 });
  const { operator } = sandbox;
  await api.need(operator, 'POST', '/v1/operator/brands', aBrand('traced'));
  await api.need(operator, 'POST', '/v1/operator/brands/traced/status', { status: 'live' });
  await byTwo(clientOf(sandbox, operator.second), () =>
    clientOf(sandbox, operator).contracts.create({
      path: { slug: 'traced' },
      body: aContract() as unknown as CreateContractBody,
    }),
  );
  await api.need(operator, 'POST', '/v1/operator/earning-rules', anEarningRule('traced'));
  const client = await api.need<Credentials>(operator, 'POST', '/v1/operator/brands/traced/clients', { name: 'pos' });
  const { memberRef } = await api.need<{ memberRef: string }>(
    client,
    'POST',
    '/v1/members',
    aMember('traced-1', { phone: '+8613800138999' }),
  );
  await api.close();
  const { now } = await clientOf(sandbox, operator).testClock.read();

  const traceId = randomBytes(16).toString('hex');
  const token = (await (
    await fetch(sandbox.tokenUrl, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
  ).json()) as { access_token: string };
  const answer = await fetch(`${sandbox.gateway}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token.access_token}`,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`,
      'x-request-id': 'till-7-receipt-1',
    },
    body: JSON.stringify(anOrder('traced-1', memberRef, 'traced-1', 10_000, { occurredAt: now })),
  });
  if (answer.status !== 201) throw new Error(`the traced order: ${answer.status} ${await answer.text()}`);
  for (const end = performance.now() + PATIENCE_MS; ; await sleep(200)) {
    const gateway = linesOf(containers, 'gateway', traceId);
    const ledger = linesOf(containers, 'ledger', traceId);
    const settlement = linesOf(containers, 'settlement', traceId);
    const done =
      ledger.some((line) => line['requestId'] === 'till-7-receipt-1') &&
      settlement.some(
        (line) =>
          typeof line['eventId'] === 'string' && String(line['msg']).startsWith('handled hezong.ledger.posting'),
      );
    if (done) break;
    if (performance.now() > end) {
      throw new Error(
        `trace ${traceId} is lost: ${gateway.length} lines of the gateway, ${ledger.length} of the ledger, ${settlement.length} of the settlement service`,
      );
    }
  }
  await checkWatching(containers);
}

/** Requests that Prometheus and a container engine make. */
async function checkWatching(containers: ReadonlyMap<string, Container>): Promise<void> {
  for (const [name, wanted] of [
    [
      'ledger-1',
      [
        'hezong_ledger_postings_total',
        'hezong_ledger_queue_items',
        'hezong_outbox_backlog_events{service="ledger",source="postings"}',
        'hezong_http_seconds_count',
      ],
    ],
    [
      'settlement-1',
      ['hezong_consumer_lag_events{service="settlement"', 'hezong_parked_records{service="settlement"} 0'],
    ],
  ] as const) {
    const base = containers.get(name)?.opsUrl ?? '';
    const text = await (await fetch(`${base}/metrics`)).text();
    const missing = wanted.filter((metric) => !text.includes(metric));
    if (missing.length > 0) throw new Error(`${name} has no metric ${missing.join(', ')}`);
    const ready = (await (await fetch(`${base}/health/ready`)).json()) as { checks: { name: string }[] };
    const checks = ready.checks.map((check) => check.name);
    for (const check of ['database', 'broker', 'outbox', 'consumers']) {
      if (!checks.includes(check))
        throw new Error(`readiness of ${name} does not report ${check}: ${checks.join(', ')}`);
    }
  }
}
