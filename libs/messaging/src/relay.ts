import { Logger } from '@nestjs/common';
import type pg from 'pg';
import type { PoolClient } from 'pg';
import { createPool } from '#libs/postgres';
import { counter } from '#libs/observability';
import { toEntry } from './cloud-events.js';
import { Doze } from './doze.js';
import { keyOf } from './pipeline/parking.js';
import { IN_ORDER, RecordTooLarge, RELAY_START } from './ports.js';
import type { EventLog, LogEntry, OutgoingRecord, RelayPosition, RelaySource } from './ports.js';
import { park, parkedKeys, sendReleased } from './relay-parking.js';

/** NOTIFY channel that wakes the relay after a commit. */
export const OUTBOX_CHANNEL = 'hezong_outbox';
/** NOTIFY channel for parked records that an operator released. */
export const RELEASE_CHANNEL = 'hezong_release';

const BATCH = 500;
const SAFETY_POLL_MS = 1_000;
/** Shortest interval between small batches, so that the next one is larger. */
const APART_MS = 100;
/** A commit may still be hidden behind an older running transaction, so the relay looks again a few times after a wake-up. */
const LOOK_AGAIN_MS = [10, 30, 80, 200, 400];
const LEADER_RETRY_MS = 2_000;
const ERROR_PAUSE_MS = 1_000;
const RELAY_LOCK = 'hezong.relay';

const relayed = counter('hezong_relay_events_total', 'Events sent to the log', ['source']);

/** A source with its next position. */
interface Moved {
  readonly source: string;
  readonly records: readonly OutgoingRecord[];
  readonly next: RelayPosition;
}

/**
 * Sends committed events to the log: one relay per database at a time (advisory lock), below the oldest running transaction,
 * in the order (transaction, sequence). The position is stored after the log has stored the records, so a crash repeats records but
 * never loses one.
 */
export class Relay {
  private readonly logger = new Logger('Relay');
  private readonly pool: pg.Pool;
  private running: Promise<void> | null = null;
  private stopped = false;
  private woken = false;
  private readonly doze = new Doze();
  /** Only a stop ends the pause. */
  private unshakable = false;
  /** Keys with a record that could not be sent. */
  private parked = new Set<string>();
  private released = false;

  constructor(
    databaseUrl: string,
    private readonly sources: readonly RelaySource[],
    private readonly log: EventLog,
    private readonly onRelease: () => void = () => undefined,
  ) {
    this.pool = createPool(databaseUrl, 'hezong-relay', 1);
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Looks for events now; cheap, may be called after every commit. */
  wake(): void {
    this.woken = true;
    if (!this.unshakable || this.stopped) this.doze.wake();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
    await this.pool.end();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      let client: PoolClient | undefined;
      const gone = new AbortController();
      try {
        client = await this.pool.connect();
        client.on('error', () => gone.abort());
        client.on('notification', ({ channel }) => {
          if (channel === RELEASE_CHANNEL) {
            this.released = true;
            this.onRelease();
          }
          this.wake();
        });
        // the position need not be flushed: after a server crash some records are sent again
        await client.query(
          `select set_config('hezong.brand', '*', false), set_config('synchronous_commit', 'off', false)`,
        );
        await client.query(IN_ORDER);
        if (await this.lead(client)) {
          await client.query(`listen ${OUTBOX_CHANNEL}; listen ${RELEASE_CHANNEL}`);
          await this.relay(client, gone.signal);
        }
      } catch (error) {
        this.logger.warn(`relay pauses: ${error instanceof Error ? error.message : String(error)}`);
        await this.pause(ERROR_PAUSE_MS, true);
      } finally {
        // the session holds the lock and listens: it must never go back into the pool
        client?.release(true);
      }
    }
  }

  /** Waits until this session is the only relay of its database. */
  private async lead(client: PoolClient): Promise<boolean> {
    while (!this.stopped) {
      const { rows } = await client.query<{ won: boolean }>('select pg_try_advisory_lock(hashtext($1)) as won', [
        RELAY_LOCK,
      ]);
      if (rows[0]?.won === true) return true;
      await this.pause(LEADER_RETRY_MS, true);
    }
    return false;
  }

  private async relay(client: PoolClient, gone: AbortSignal): Promise<void> {
    const cluster = await clusterOf(client);
    const positions = new Map<string, RelayPosition>();
    for (const source of this.sources) positions.set(source.name, await this.resume(client, source, cluster));
    let quiet = LOOK_AGAIN_MS.length;
    this.parked = await parkedKeys(client);
    await this.resend(client);
    while (!this.stopped) {
      if (gone.aborted) throw new Error('connection lost');
      if (this.released) await this.resend(client);
      if (this.woken) quiet = 0;
      this.woken = false;
      const sent = await this.pass(client, positions, cluster);
      if (sent > 0) {
        quiet = 0;
        if (sent < BATCH) await this.pause(APART_MS, true);
        continue;
      }
      await this.pause(LOOK_AGAIN_MS[quiet] ?? SAFETY_POLL_MS);
      quiet += 1;
    }
  }

  /** Sends the events of all sources in one append; returns the number of records sent. */
  private async pass(client: PoolClient, positions: Map<string, RelayPosition>, cluster: string): Promise<number> {
    const moved: Moved[] = [];
    for (const source of this.sources) {
      const after = positions.get(source.name) ?? RELAY_START;
      const { records, next } = await source.read(client, after, BATCH);
      if (next.xid !== after.xid || next.seq !== after.seq || next.epoch !== after.epoch)
        moved.push({ source: source.name, records, next });
    }
    if (moved.length === 0) return 0;
    const entries = moved.flatMap(({ records }) => records.map(toEntry));
    if (entries.length > 0) await this.send(client, entries);
    await savePositions(client, moved, cluster);
    for (const { source, records, next } of moved) {
      positions.set(source, next);
      relayed.inc({ source }, records.length);
    }
    return Math.max(entries.length, 1);
  }

  /** Appends records; one that is too large is parked together with the later records of its key. */
  private async send(client: PoolClient, entries: readonly LogEntry[]): Promise<void> {
    const faults = new Map<LogEntry, Error>();
    if (this.parked.size > 0) this.parked = await parkedKeys(client);
    // index in these records at which the queue behind a parked key begins
    const since = new Map([...this.parked].map((key) => [key, 0]));
    const waits = (entry: LogEntry, at: number): boolean => at >= (since.get(keyOf(entry)) ?? Infinity);
    for (let from = 0; from < entries.length;) {
      try {
        await this.log.append(entries.filter((entry, at) => at >= from && !waits(entry, at)));
        break;
      } catch (error) {
        if (!(error instanceof RecordTooLarge)) throw error;
        this.logger.error(`set aside, with what follows of key ${error.entry.key}: ${error.message}`);
        faults.set(error.entry, error);
        from = entries.indexOf(error.entry);
        since.set(keyOf(error.entry), from);
        this.parked.add(keyOf(error.entry));
      }
    }
    await park(client, entries.filter(waits), faults);
  }

  private async resend(client: PoolClient): Promise<void> {
    this.released = false;
    if (this.parked.size === 0) return;
    await sendReleased(client, async (entry) => {
      try {
        await this.log.append([entry]);
        return null;
      } catch (error) {
        if (error instanceof RecordTooLarge) return error;
        throw error;
      }
    });
    this.parked = await parkedKeys(client);
  }

  /** Stored position; after a restore into another cluster its transaction ids have no meaning. */
  private async resume(client: PoolClient, source: RelaySource, cluster: string): Promise<RelayPosition> {
    const { rows } = await client.query<{
      epoch: number;
      xid: string;
      seq: bigint;
      cluster: string;
      ahead: boolean;
    }>(
      `select epoch, tx_id::text as xid, seq, cluster, tx_id >= pg_snapshot_xmax(pg_current_snapshot()) as ahead
       from relay_cursor where source = $1`,
      [source.name],
    );
    const stored = rows[0];
    if (stored === undefined) {
      await savePositions(client, [{ source: source.name, next: RELAY_START }], cluster);
      return RELAY_START;
    }
    const position = { epoch: stored.epoch, xid: stored.xid, seq: stored.seq.toString() };
    if (stored.cluster === cluster) return position;
    // upgraded in place or promoted: transaction ids continued
    if (source.rebase === undefined && stored.ahead) {
      throw new Error(
        `source ${source.name} comes from another cluster and cannot be rebased: its position must be set by hand`,
      );
    }
    await client.query('begin');
    const next = (await source.rebase?.(client, position, stored.ahead)) ?? position;
    await savePositions(client, [{ source: source.name, next }], cluster);
    await client.query('commit');
    return next;
  }

  private async pause(ms: number, unshakable = false): Promise<void> {
    if (this.stopped || (this.woken && !unshakable)) return;
    this.unshakable = unshakable;
    await this.doze.wait(ms);
  }
}

/** Identifies the cluster that the position's transaction ids belong to. */
async function clusterOf(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select system_identifier::text as id from pg_control_system()');
  return rows[0]?.id ?? '';
}

async function savePositions(
  client: PoolClient,
  moved: readonly Pick<Moved, 'source' | 'next'>[],
  cluster: string,
): Promise<void> {
  await client.query({
    name: 'relay-positions',
    text: `insert into relay_cursor (source, epoch, tx_id, seq, cluster)
           select source, epoch, tx_id, seq, $5 from unnest($1::text[], $2::int[], $3::xid8[], $4::bigint[]) as m (source, epoch, tx_id, seq)
           on conflict (source) do update set epoch = excluded.epoch, tx_id = excluded.tx_id, seq = excluded.seq, cluster = excluded.cluster, updated_at = now()`,
    values: [
      moved.map(({ source }) => source),
      moved.map(({ next }) => next.epoch),
      moved.map(({ next }) => next.xid),
      moved.map(({ next }) => next.seq),
      cluster,
    ],
  });
}
