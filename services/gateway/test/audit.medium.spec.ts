import { NAMES, gatewayBefore, json } from './upstreams.js';
import type { Behind } from './upstreams.js';

interface Entry {
  service: string;
  seq: number;
  at: string;
}

/** Audit records as each service returns them, newest first, several of them in the same microsecond. */
const RECORDS: Entry[] = NAMES.flatMap((service, n) =>
  Array.from({ length: 7 }, (_, i) => ({
    service,
    seq: 2 * i + 1,
    at: `2026-03-02T00:00:00.00000${Math.max(0, i - (n % 3))}Z`,
  })),
);

let behind: Behind;

beforeAll(async () => {
  behind = await gatewayBefore();
  for (const name of NAMES) {
    behind.behaviours.set(`${name} /internal/v1/audit`, (request, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams;
      const own = RECORDS.filter(({ service }) => service === name).sort((a, b) => b.seq - a.seq);
      const [at, service, seq] = [query.get('afterAt'), query.get('afterService'), Number(query.get('afterSeq'))];
      const left = own.filter(
        (entry) =>
          at === null ||
          entry.at < at ||
          (entry.at === at && (name === service ? entry.seq < seq : name > (service ?? ''))),
      );
      json(response, { data: left.slice(0, Number(query.get('limit')) + 1) });
    });
  }
});

afterAll(() => behind.close());

const get = async (
  query: string,
): Promise<{ status: number; body: { data: Entry[]; page: { after: string | null; more: boolean } } }> => {
  const response = await fetch(`${behind.gateway.url}/v1/operator/audit${query}`, {
    headers: { authorization: `Bearer ${await behind.tokens.operator()}` },
  });
  return { status: response.status, body: (await response.json()) as never };
};

describe('GET /v1/operator/audit', () => {
  it.each([1, 4, 5, 50])('is one record of all services, each entry once, in pages of %i', async (limit) => {
    const all: Entry[] = [];
    let after = '';
    for (;;) {
      const { status, body } = await get(`?limit=${limit}${after}`);
      expect([status, body.data.length <= limit]).toEqual([200, true]);
      all.push(...body.data);
      if (!body.page.more) break;
      after = `&after=${body.page.after}`;
    }
    expect(all).toHaveLength(RECORDS.length);
    expect(new Set(all.map(({ service, seq }) => `${service} ${seq}`)).size).toBe(RECORDS.length);
    expect(all.map(({ at }) => at)).toEqual(
      RECORDS.map(({ at }) => at)
        .sort()
        .reverse(),
    );
  });

  it('passes filters to every service', async () => {
    behind.seen.length = 0;
    await get('?client=cl_1&method=POST&path=/v1/operator/payouts&from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z');
    const asked = behind.seen.filter(({ url }) => url.startsWith('/internal/v1/audit'));
    expect(asked.map(({ service }) => service).sort()).toEqual([...NAMES].sort());
    for (const { url } of asked) {
      expect(Object.fromEntries(new URL(url, 'http://x').searchParams)).toEqual({
        limit: '50',
        client: 'cl_1',
        method: 'POST',
        path: '/v1/operator/payouts',
        from: '2026-03-01T00:00:00Z',
        to: '2026-03-02T00:00:00Z',
      });
    }
  });

  it('returns no incomplete page, and refuses invalid cursors', async () => {
    expect((await get('?after=WzEsIDJd')).status).toBe(400);
    const foreign = Buffer.from('["2026-13-01T00:00:00Z","ledger",1]').toString('base64url');
    expect((await get(`?after=${foreign}`)).status).toBe(400);
    behind.behaviours.set('ledger /internal/v1/audit', (_request, response) => json(response, {}, 500));
    expect((await get('')).status).toBe(503);
  });

  it('is for the operator only', async () => {
    const response = await fetch(`${behind.gateway.url}/v1/operator/audit`, {
      headers: { authorization: `Bearer ${await behind.tokens.brand('aurora')}` },
    });
    expect(response.status).toBe(403);
  });
});
