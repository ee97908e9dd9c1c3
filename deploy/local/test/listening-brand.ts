import { createHash, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.js';
import { flatten } from './joining.js';
import type { Record } from './joining.js';
import { BALANCES } from './joins-fields.js';

/** A brand of the sandbox that keeps everything it receives, by member. */
export class ListeningBrand {
  readonly refs: string[] = [];
  readonly authorizations: string[][];
  readonly orders: string[][];
  private readonly seen: Map<string, Set<string>>[];

  constructor(
    readonly slug: string,
    readonly client: Client,
    members: number,
  ) {
    this.seen = Array.from({ length: members }, () => new Map());
    this.authorizations = Array.from({ length: members }, () => []);
    this.orders = Array.from({ length: members }, () => []);
  }

  /** An id as a till creates it, which says nothing about the member. */
  own(kind: string, ...parts: (string | number)[]): string {
    return createHash('sha256')
      .update([this.slug, kind, ...parts, randomInt(1e9)].join('|'))
      .digest('hex')
      .slice(0, 16);
  }

  told(member: number, name: string, answer: unknown): void {
    const record = this.seen[member];
    flatten(name, answer, (field, text) => {
      if (record === undefined || BALANCES.test(field)) return;
      const values = record.get(field) ?? new Set();
      record.set(field, values.add(text));
    });
  }

  /** Assigns list answers, each item to the member that it names. */
  toldAll(name: string, items: readonly unknown[]): void {
    for (const item of items) {
      const member = this.refs.indexOf((item as { memberRef?: string }).memberRef ?? '');
      if (member >= 0) this.told(member, name, item);
    }
  }

  async call(member: number, name: string, method: string, path: string, body?: unknown): Promise<{ id: string }> {
    let reply = await this.client.call(method, path, body);
    // a busy machine
    for (let left = 50; left > 0 && [429, 503].includes(reply.status); left -= 1) {
      await sleep(200);
      reply = await this.client.call(method, path, body);
    }
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    this.told(member, name, reply.body);
    const tag = reply.headers.get('etag');
    if (tag !== null) this.told(member, `${name} etag`, tag);
    return reply.body as { id: string };
  }

  async pages(path: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let after = ''; ;) {
      const { data, page } = await this.client.ok('GET', `${path}${path.includes('?') ? '&' : '?'}limit=200${after}`);
      found.push(...(data as unknown[]));
      if (page.more !== true) return found;
      after = `&after=${page.after as string}`;
    }
  }

  get records(): Record[] {
    return this.seen;
  }
}
