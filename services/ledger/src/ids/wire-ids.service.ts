import { createHmac } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { idFromUuid, uuidFromId } from '#libs/kernel';
import type { IdPrefix } from '#libs/kernel';

/** Digits of a UUID before its last byte. */
const BEFORE_LAST_BYTE = 34;

/**
 * Ids of a wallet's things on their way out and in. Inside they end in the wallet's last byte; two brands that see such ids could tell
 * by it which of their members are surely not one person, and narrow a join of the rest. So what leaves has its last byte masked by a
 * keyed function of all the others: to anybody without the key it is a random byte.
 */
@Injectable()
export class WireIdsService implements OnModuleInit {
  private key: Buffer | undefined;

  constructor(private readonly dataSource: DataSource) {}

  /** The key is kept with the books: see the migration. */
  async onModuleInit(): Promise<void> {
    const rows: { key: Buffer }[] = await this.dataSource.query('select key from wire_key');
    this.key = rows[0]?.key;
  }

  /** `od_…` for the uuid of something of a wallet. */
  out(prefix: IdPrefix, uuid: string): string {
    return idFromUuid(prefix, this.masked(uuid));
  }

  /** The uuid behind an id that {@link out} gave, or null when the text is no id of this prefix. */
  in(prefix: IdPrefix, id: string): string | null {
    const uuid = uuidFromId(prefix, id);
    return uuid === null ? null : this.masked(uuid);
  }

  /** Its own inverse. */
  private masked(uuid: string): string {
    if (this.key === undefined) throw new Error('the key of public ids was not read');
    const kept = uuid.slice(0, BEFORE_LAST_BYTE);
    const [mask = 0] = createHmac('sha256', this.key).update(kept).digest();
    const last = Number.parseInt(uuid.slice(BEFORE_LAST_BYTE), 16) ^ mask;
    return kept + last.toString(16).padStart(2, '0');
  }
}
