import type pg from 'pg';
import { createClient } from './connection.js';

const RECONNECT_MS = 500;

/**
 * Listens on a NOTIFY channel until stopped, and reconnects after each loss of the database.
 * After every (re)connect it calls back with null: notifications may have been missed, so caches must be cleared and queues checked.
 */
export async function listen(
  databaseUrl: string,
  channel: string,
  onNotify: (payload: string | null) => void,
): Promise<() => Promise<void>> {
  let stopped = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;

  const connect = async (): Promise<void> => {
    const next = createClient(databaseUrl, `hezong-listen-${channel}`);
    let lost = false;
    const again = (): void => {
      if (lost) return;
      lost = true;
      client = null;
      next.end().catch(() => undefined);
      if (!stopped) timer = setTimeout(() => void connect(), RECONNECT_MS);
    };
    next.on('error', again);
    next.on('end', again);
    next.on('notification', (message) => onNotify(message.payload ?? ''));
    try {
      await next.connect();
      await next.query(`listen ${next.escapeIdentifier(channel)}`);
      if (stopped) {
        await next.end();
        return;
      }
      client = next;
      onNotify(null);
    } catch {
      again();
    }
  };

  await connect();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await client?.end().catch(() => undefined);
  };
}
