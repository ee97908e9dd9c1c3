import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Check, Invariants } from '#libs/http';
import { runAudit } from '#libs/postgres';
import { VaultService } from '../vault/vault.service.js';

/** Invariants of persons, links, bindings and consents. */
@Injectable()
export class InvariantsService implements Invariants {
  constructor(
    private readonly dataSource: DataSource,
    private readonly vault: VaultService,
  ) {}

  async check(): Promise<Check[]> {
    const faults = await runAudit(this.dataSource, (tx) => this.vault.audit(tx));
    return faults.map(({ name, measured }) => ({
      name: `crm: ${name}`,
      ok: measured === 0n,
      expected: '0',
      measured: measured.toString(),
    }));
  }
}
