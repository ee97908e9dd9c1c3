import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { canonicalJson, namedHash } from '#libs/kernel';
import { counter } from '#libs/observability';
import { runInTransaction } from '#libs/postgres';
import type { Check } from '../invariants.js';

/** A call of the operator as it came in. */
export interface AuditedCall {
  readonly client: string;
  readonly method: string;
  /** Pattern of the route: what was asked. */
  readonly route: string;
  /** The path itself, without the query: of what or of whom. */
  readonly path: string;
  readonly payload: unknown;
  readonly requestId: string;
}

/** A call on record, and how it ended. */
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
  /** What it was answered; null when that is not known: it is under way, or the service ended in the middle. */
  readonly status: number | null;
  readonly hash: string;
  readonly previousHash: string | null;
}

/** Which entries are asked for: the newest first, one more than `limit`. */
export interface AuditQuery {
  readonly limit: number;
  /** Only what stands after this entry, in the order of all services: newest first, then service, then number. */
  readonly after: { readonly at: string; readonly service: string; readonly seq: number } | null;
  readonly client: string | null;
  readonly method: string | null;
  /** How the path begins. */
  readonly path: string | null;
  readonly from: string | null;
  readonly to: string | null;
}

const ANYBODY = { brand: '*' };

const INSTANT = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

const unfinished = counter('hezong_audit_unfinished_total', 'Calls of the operator whose end could not be recorded.', [
  'service',
]);

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
 * The record of what the operator did at this service. A service without a database has none: what the gateway answers itself
 * changes nothing and shows no member.
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

  /** Puts a call on record, before anything of it is done. Its number. @throws DomainError `unavailable`: then nothing is done */
  async begin(call: AuditedCall): Promise<bigint> {
    const { client, method, route, path, payload, requestId } = call;
    const payloadHash = namedHash(canonicalJson(payload));
    const row = await this.insert(
      `insert into operator_audit (client, method, route, path, payload_hash, request_id) values ($1, $2, $3, $4, $5, $6)
       returning seq, hash`,
      [client, method, route, path, payloadHash, requestId],
    );
    // the log leaves the machine: a chain that was rebuilt does not agree with it
    this.log.log({ audit: Number(row.seq), hash: row.hash, client, method, path });
    return row.seq;
  }

  /** Puts on record how a call ended. Its answer stands whether or not that succeeds. */
  async end(seq: bigint, status: number): Promise<void> {
    try {
      await this.insert('insert into operator_audit (answers, status) values ($1, $2) returning seq, hash', [
        seq.toString(),
        status,
      ]);
    } catch (error) {
      unfinished.inc({ service: this.service });
      this.log.error(error, `how audited call ${seq} ended is not on record`);
    }
  }

  /** Entries, the newest first. */
  async page(query: AuditQuery): Promise<AuditEntry[]> {
    const { dataSource, service } = this;
    if (dataSource === null) return [];
    const { after, client, method, path, from, to, limit } = query;
    // within one instant services stand by name, so that a page of all of them can go on behind any entry
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
