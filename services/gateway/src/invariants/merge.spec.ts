import type { ParkedEvent } from '#libs/http';
import { mergeChecks, mergeLag } from './merge.js';
import type { Answers, InvariantsReport } from './merge.js';

const check = (name: string, ok = true): { name: string; ok: boolean; expected: string; measured: string } => ({
  name,
  ok,
  expected: '0',
  measured: ok ? '0' : '7',
});

function answers(over: Partial<Answers> = {}): Answers {
  return {
    due: [['membership', [{ work: 'ranks', items: 0 }]]],
    backlog: [['ledger', [{ source: 'postings', events: 0 }]]],
    lag: [['settlement', [{ consumer: 'settlement.ledger', events: 0, progress: [] }]]],
    parked: [['settlement', []]],
    checks: [
      ['ledger', { checks: [check('zero sum')] }],
      ['settlement', { checks: [check('nets')] }],
    ],
    ...over,
  };
}

function mergeReport(asOf: string, { checks, ...waiting }: Answers): InvariantsReport {
  return { asOf, ...mergeLag(waiting), ...mergeChecks(checks) };
}

describe('report of the whole network', () => {
  it('has the shape of the API page', () => {
    expect(mergeReport('2026-03-02T00:00:00Z', answers())).toEqual({
      asOf: '2026-03-02T00:00:00Z',
      ok: true,
      settled: true,
      checks: [check('zero sum'), check('nets')],
      lag: [
        { consumer: 'due:membership.ranks', events: 0 },
        { consumer: 'relay:ledger.postings', events: 0 },
        { consumer: 'settlement.ledger', events: 0 },
      ],
      parked: [],
    });
  });

  it('is not settled while an event is unsent or unhandled anywhere', () => {
    expect(mergeReport('', answers({ backlog: [['crm', [{ source: 'outbox', events: 1 }]]] })).settled).toBe(false);
    expect(
      mergeReport('', answers({ lag: [['ledger', [{ consumer: 'ledger.links', events: 2, progress: [] }]]] })).settled,
    ).toBe(false);
  });

  it('is not settled while due work waits for a sweep', () => {
    expect(mergeReport('', answers({ due: [['ledger', [{ work: 'lots', items: 3 }]]] }))).toMatchObject({
      settled: false,
      lag: [{ consumer: 'due:ledger.lots', events: 3 }, {}, {}],
    });
  });

  it('is not settled while an event waits for an operator, and ignores those that were set aside', () => {
    const event = {
      id: '7',
      service: 'settlement',
      consumer: 'settlement.ledger',
      key: 'w',
      eventId: 'e',
    } as ParkedEvent;
    const parked = (status: ParkedEvent['status']) =>
      mergeReport('', answers({ parked: [['settlement', [{ ...event, status }]]] }));
    expect(parked('waiting')).toMatchObject({ settled: false, parked: [event] });
    expect(parked('trying')).toMatchObject({ settled: false });
    expect(parked('set_aside')).toMatchObject({ settled: true, parked: [] });
  });

  it('is not ok when a single check fails', () => {
    expect(mergeReport('', answers({ checks: [['ledger', { checks: [check('a'), check('b', false)] }]] })).ok).toBe(
      false,
    );
  });
});
