import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import { canonicalJson, namedHash } from '#libs/kernel';
import { counter } from '#libs/observability';
import { runInTransaction } from '#libs/postgres';
import type { Check } from '../invariants.js';

/** An operator call as received. */
export interface AuditedCall {
  readonly client: string;
  readonly method: string;
  readonly route: string;
  /** The path itself, without the query; it names the object of the call. */
  readonly path: string;
  readonly payload: unknown;
  readonly requestId: string;
}

export interface AuditEntry {
  readonly service: string;
  readonly seq: number;
  /** RFC 3339 UTC with microseconds, real time. */
  readonly at: string;
  readonly client: string;
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly payloadHash: string;
  readonly requestId: string;
  /** Status of the answer; null when unknown, because the call is still running or the service stopped during it. */
  readonly status: number | null;
  readonly hash: string;
  readonly previousHash: string | null;
}

/** Query for entries, newest first; returns one more than `limit`. */
export interface AuditQuery {
  readonly limit: number;
  /** Only entries after this one, in the order across all services: newest first, then service, then number. */
  readonly after: { readonly at: string; readonly service: string; readonly seq: number } | null;
  readonly client: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly from: string | null;
  readonly to: string | null;
}

const ANYBODY = { brand: '*' };

const INSTANT = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

const unfinished = counter('hezong_audit_unfinished_total', 'Calls of the operator whose end could not be recorded.', [
  'service',
]);

const CALL = `insert into operator_audit (client, method, route, path, payload_hash, request_id) values ($1, $2, $3, $4, $5, $6) returning seq, hash`;
const END = 'insert into operator_audit (answers, status) values ($1, $2) returning seq, hash';

interface Row {
  seq: bigint;
  at: string;
  client: string;
  method: string;
  route: string;
  path: string;
  payload_hash: string;
  request_id: string;
  status: number | null;
  hash: string;
  previous_hash: string | null;
}

/**
 * Record of operator calls at this service. A service without a database has none: the calls that the gateway answers itself change
 * nothing and show no member.
 */
export class OperatorAudit {
  private readonly log = new Logger(OperatorAudit.name);
  private dataSource: DataSource | null = null;

  constructor(readonly service: string) {}

  attach(dataSource: DataSource): void {
    this.dataSource = dataSource;
  }

  get attached(): boolean {
    return this.dataSource !== null;
  }

  /** Records a call before it is performed. Returns its number. @throws DomainError `unavailable`: the call must not be performed */
  async begin(call: AuditedCall): Promise<bigint> {
    const { client, method, route, path, payload, requestId } = call;
    const payloadHash = namedHash(canonicalJson(payload));
    const row = await this.insert(CALL, [client, method, route, path, payloadHash, requestId]);
    // logs are stored elsewhere: a rebuilt chain would not match them
    this.log.log({ audit: Number(row.seq), hash: row.hash, client, method, path });
    return row.seq;
  }

  /** Records the outcome of a call. The answer stands even if this fails. */
  async end(seq: bigint, status: number): Promise<void> {
    try {
      await this.insert(END, [seq.toString(), status]);
    } catch (error) {
      unfinished.inc({ service: this.service });
      this.log.error(error, `how audited call ${seq} ended is not on record`);
    }
  }

  /**
   * Adds what the service itself decided to the record, in the transaction of the decision, which should end soon: others wait for the record.
   * The hash of the next call, which is also logged, covers it.
   */
  async note(tx: EntityManager, path: string, decided: unknown): Promise<void> {
    const call = [this.service, 'NOTE', '', path, namedHash(canonicalJson(decided)), ''];
    const [row]: { seq: bigint }[] = await tx.query(CALL, call);
    if (row === undefined) throw new Error('insert returned no row');
    await tx.query(END, [row.seq.toString(), 200]);
  }

  /** Whether the first note of a path is this one. A later one decides nothing. */
  async noted(tx: EntityManager, path: string, decided: unknown): Promise<boolean> {
    const [first]: { payload_hash: string }[] = await tx.query(
      `select payload_hash from operator_audit where method = 'NOTE' and path = $1 order by seq limit 1`,
      [path],
    );
    return first?.payload_hash === namedHash(canonicalJson(decided));
  }

  async page(query: AuditQuery): Promise<AuditEntry[]> {
    const { dataSource, service } = this;
    if (dataSource === null) return [];
    const { after, client, method, path, from, to, limit } = query;
    // entries of one instant are ordered by service, so that a page over all services can continue after any entry
    const tie = after === null || service < after.service ? 'false' : service > after.service ? 'true' : 'a.seq < $7';
    const rows = await runInTransaction(dataSource, ANYBODY, (tx) =>
      tx.query<Row[]>(
        `select a.seq, to_char(a.at at time zone 'UTC', ${INSTANT}) as at, a.client, a.method, a.route, a.path, a.payload_hash,
                a.request_id, e.status, a.hash, a.previous_hash
           from operator_audit a left join operator_audit e on e.answers = a.seq
          where a.answers is null and ($1::text is null or a.client = $1) and ($2::text is null or a.method = $2)
            and ($3::text is null or starts_with(a.path, $3)) and ($4::timestamptz is null or a.at >= $4)
            and ($5::timestamptz is null or a.at < $5)
            and ($6::timestamptz is null or a.at < $6 or (a.at = $6 and $7::bigint is not null and ${tie}))
          order by a.at desc, a.seq desc limit $8`,
        [client, method, path, from, to, after?.at ?? null, after?.seq ?? null, limit + 1],
      ),
    );
    return rows.map(({ seq, payload_hash, request_id, previous_hash, ...row }) => ({
      service,
      ...row,
      seq: Number(seq),
      payloadHash: payload_hash,
      requestId: request_id,
      previousHash: previous_hash,
    }));
  }

  /** Whether every row follows from the one before it. */
  async check(): Promise<Check[]> {
    const { dataSource } = this;
    if (dataSource === null) return [];
    const rows = await runInTransaction(dataSource, ANYBODY, (tx) =>
      tx.query<{ broken: string }[]>(
        `select count(*)::text as broken
           from (select a.hash <> operator_audit_hash(a) as forged, a.seq, a.previous_hash, lag(a.hash) over (order by a.seq) as before,
                        row_number() over (order by a.seq) as place from operator_audit a) c
          where forged or place <> seq or previous_hash is distinct from before`,
      ),
    );
    const measured = rows[0]?.broken ?? '';
    return [{ name: `${this.service}: audit rows that do not follow`, ok: measured === '0', expected: '0', measured }];
  }

  private async insert(sql: string, values: unknown[]): Promise<{ seq: bigint; hash: string }> {
    const { dataSource } = this;
    if (dataSource === null) throw new Error('there is no record of the operator yet');
    const rows = await runInTransaction(dataSource, ANYBODY, (tx) =>
      tx.query<{ seq: bigint; hash: string }[]>(sql, values),
    );
    const [row] = rows;
    if (row === undefined) throw new Error('insert returned no row');
    return row;
  }
}
