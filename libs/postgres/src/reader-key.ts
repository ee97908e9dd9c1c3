import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import type { Cipher, Decipher } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { appendOnlySql } from './tables.js';

/** SQL of the key of {@link ReaderKey}: made once, by the database, and never changed. */
export function readerKeySql(): string {
  return `
    create table reader_key (
      one boolean primary key default true check (one),
      key bytea not null check (octet_length(key) = 32)
    );
    insert into reader_key (key) select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    ${appendOnlySql('reader_key')}
  `;
}

/**
 * What makes of one thing something else for each reader: a keyed function, so that no two readers share what they are told and none can work
 * out another's. The key stays with the books: a restored backup still gives what went out, and there is no secret to deploy.
 */
@Injectable()
export class ReaderKey implements OnModuleInit {
  private key: Buffer | undefined;
  private maskKey: Buffer | undefined;

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const rows: { key: Buffer }[] = await this.dataSource.query('select key from reader_key');
    this.key = rows[0]?.key;
  }

  /** HMAC-SHA-256 of a text. */
  of(text: string): Buffer {
    return createHmac('sha256', this.read()).update(text).digest();
  }

  /** A key of 32 bytes for one purpose (HKDF-SHA-256). */
  derived(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.read(), '', purpose, 32));
  }

  /** Another UUID for this one, and for no other: it tells nothing of when the first was made, nor beside what. */
  masked(uuid: string): string {
    return block(createCipheriv('aes-256-ecb', this.uuidKey(), null), uuid);
  }

  /** The UUID behind one that {@link masked} gave. */
  unmasked(uuid: string): string {
    return block(createDecipheriv('aes-256-ecb', this.uuidKey(), null), uuid);
  }

  private uuidKey(): Buffer {
    return (this.maskKey ??= this.derived('uuids'));
  }

  private read(): Buffer {
    if (this.key === undefined) throw new Error('the key of readers was not read');
    return this.key;
  }
}

/** A UUID is one block of the cipher, so that the cipher alone is a permutation of UUIDs. */
function block(cipher: Cipher | Decipher, uuid: string): string {
  const hex = cipher.setAutoPadding(false).update(uuid.replaceAll('-', ''), 'hex', 'hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
