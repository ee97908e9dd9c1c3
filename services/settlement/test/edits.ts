import pg from 'pg';
import { runInTransaction } from '#libs/postgres';
import { brandSnapshot } from '#libs/testing';
import { lineDigest } from '../src/entries/line.js';
import { ReaderIdsService } from '../src/ids/reader-ids.service.js';
import { LinesService } from '../src/lines/lines.service.js';
import { commission, converted, refund, sale, takenBack } from './earnings.js';
import { settlementUnderTest } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { workedExample } from './worked-example.js';

/** All columns of a line but the generated one. */
export const COLUMNS = `id, cycle, day, reader, own_id, type, posting_id, lot_id, original_line_id, original_posting_id, wallet_id, actor, actor_member_ref, occurred_at, posted_at, payer, payee, issuer,
  redeemer, store, asset, points, price_micro, fixed_micro, currency, reference, issuer_contract, redeemer_contract, funding_mode, funders, campaign,
  earned_at, expires_at, digest`;

/** Edits that the owner of the server can make: past triggers, with own ids and digests that fit. */
export interface Edits {
  admin: pg.Client;
  /** Edits one line. */
  rewrite(where: string, set: string): Promise<void>;
  /** Copies one line under another id, changed in these columns. */
  copy(where: string, changed?: Record<string, string>): Promise<void>;
  remove(where: string): Promise<void>;
  end(): Promise<void>;
}

export async function editsOf(under: SettlementUnderTest): Promise<Edits> {
  const admin = new pg.Client({ connectionString: under.database.adminUrl });
  await admin.connect();
  await admin.query('set session_replication_role = replica');
  const ids = under.service.app.get(ReaderIdsService, { strict: false });
  const sign = (id: string, cycle: string): Promise<void> =>
    runInTransaction(under.dataSource, { brand: '*' }, async (tx) => {
      for await (const lines of under.service.app.get(LinesService, { strict: false }).all(tx, cycle)) {
        const found = lines.find(({ line }) => line.id === id);
        if (found === undefined) continue;
        const line = { ...found.line, ownId: ids.ofLine(found.line, found.line.reader) };
        await admin.query('update line set own_id = $2, digest = $3 where id = $1 and cycle = $4', [
          id,
          line.ownId,
          lineDigest(line),
          cycle,
        ]);
      }
    });
  const signed = async (sql: string): Promise<void> => {
    const { rows } = await admin.query<{ id: string; cycle: string }>(`${sql} returning id, cycle`);
    expect(rows).toHaveLength(1);
    for (const { id, cycle } of rows) await sign(id, cycle);
  };
  return {
    admin,
    rewrite: (where, set) => signed(`update line set ${set} where ${where}`),
    copy: (where, changed = {}) => {
      const columns = { id: 'gen_random_uuid()', own_id: 'gen_random_uuid()', ...changed };
      const values = COLUMNS.split(/,\s*/).map((column) => columns[column as keyof typeof columns] ?? column);
      return signed(`insert into line (${COLUMNS}) select ${values.join(', ')} from line where ${where} limit 1`);
    },
    remove: async (where) => {
      const { rowCount } = await admin.query(`delete from line where ${where}`);
      expect(rowCount).toBe(1);
    },
    end: () => admin.end(),
  };
}

export interface Fault {
  kind: string;
  id: string;
  detail: string;
}

export interface EditedBooks extends Edits {
  readonly under: SettlementUnderTest;
  verification(
    cycle?: string,
  ): Promise<{ ok: boolean; compared: boolean; status: string; lines: number; faults: Fault[] }>;
  /** What a verification finds, in words. */
  named(cycle?: string): Promise<string[]>;
  /** Takes steps of a cycle, which are accepted. */
  steps(...names: string[]): Promise<void>;
  /** Takes a step of a cycle, which is refused because of faults; returns what it names. */
  refused(step: string, cycle?: string): Promise<string>;
  /** Sets the alliance's clock. */
  at(time: string): void;
  /** A contribution of 100 minor units that referrals posted at this time. */
  contribution(id: string, time: string): Promise<void>;
  /** Puts all lines back as they were when the test began. */
  undo(): Promise<void>;
}

/** The worked example. */
export const onlyPoints = (under: SettlementUnderTest): Promise<void> => under.deliver(workedExample());

/** The worked example with a commission, its refund and conversions in March. */
async function pointsAndEarnings(under: SettlementUnderTest): Promise<void> {
  await onlyPoints(under);
  await under.deliverCommissions([sale, refund]);
  await under.deliverConversions([converted, takenBack]);
}

/** Books of March, anew for each test of a file, and edits of them. The clock stands at noon of 31 March. */
export function editedBooks(recorded = pointsAndEarnings): EditedBooks {
  let under: SettlementUnderTest;
  let edits: Edits;
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest'].map((slug) => brandSnapshot(slug)));
    edits = await editsOf(under);
  }, 60_000);
  beforeEach(async () => {
    await under.reset();
    await recorded(under);
    await edits.admin.query('create temp table kept as select * from line');
  });
  afterEach(() => edits.admin.query('drop table kept'));
  afterAll(async () => {
    await edits.end();
    await under.close();
  });
  const verification: EditedBooks['verification'] = async (cycle = '2026-03') =>
    (await under.asOperator('GET', `/v1/operator/cycles/${cycle}/verification`)).body;
  return {
    get under() {
      return under;
    },
    get admin() {
      return edits.admin;
    },
    rewrite: (...edit) => edits.rewrite(...edit),
    copy: (...edit) => edits.copy(...edit),
    remove: (where) => edits.remove(where),
    end: () => edits.end(),
    verification,
    named: async (cycle) =>
      (await verification(cycle)).faults.map(({ kind, id, detail }) =>
        kind === 'line' ? `${kind} ${id} ${detail}` : `${kind} ${id}: ${detail}`,
      ),
    steps: async (...names) => {
      for (const name of names) {
        const answer = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${name}`);
        expect([name, answer.status, answer.body.detail]).toEqual([name, 200, undefined]);
      }
    },
    refused: async (step, cycle = '2026-03') => {
      const answer = await under.asOperator('POST', `/v1/operator/cycles/${cycle}/${step}`);
      expect([answer.status, answer.body.code]).toEqual([409, 'cycle_unproven']);
      return answer.body.detail as string;
    },
    at: (time) => under.clock.set(new Date(time)),
    contribution: (id, time) =>
      under.deliverCommissions([commission(id, time, [[id, 'contributor', 'brand:aurora', 100n]])]),
    undo: async () => {
      await edits.admin.query(`delete from line; insert into line (${COLUMNS}) select ${COLUMNS} from kept`);
    },
  };
}

/** The lines of March that pay for a contribution, and how a comparison names them. */
export const CONTRIBUTION = `type = 'contributor'`;
export const CONTRIBUTED = 'contributor of brand:birch to brand:aurora, CNY';
