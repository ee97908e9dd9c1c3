import type { MessagingConfig } from './ports.js';

/** A record that waits for an operator. */
export interface ParkedItem {
  readonly id: string;
  readonly kind: 'parked' | 'dead';
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly eventId: string;
  readonly type: string;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly attempts: number;
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
  /** Set while a release is under way. */
  readonly releaseAt: Date | null;
}

export interface ParkedFilter {
  readonly group?: string;
  readonly topic?: string;
  readonly key?: string;
  readonly id?: string;
}

export async function listParked(_databaseUrl: string, _filter: ParkedFilter = {}): Promise<ParkedItem[]> {
  return Promise.resolve([]);
}
export async function showParked(_databaseUrl: string, _id: string): Promise<(ParkedItem & { body: unknown }) | null> {
  return Promise.resolve(null);
}
export async function release(_databaseUrl: string, _filter: ParkedFilter): Promise<number> {
  return Promise.resolve(0);
}
export async function discard(_databaseUrl: string, _filter: ParkedFilter): Promise<number> {
  return Promise.resolve(0);
}
export async function rewindGroup(_config: MessagingConfig, _group: string, _topics: readonly string[]): Promise<void> {
  return Promise.resolve();
}
