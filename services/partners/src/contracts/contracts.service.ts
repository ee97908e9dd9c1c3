import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Approvals } from '#libs/http';
import type { Reply } from '#libs/http';
import { AllianceClock, fail, formatInstant, newId } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { BrandChangesService } from '../brands/brand-changes.service.js';
import type { BrandWork, OperatorCall } from '../brands/brand-changes.service.js';
import { BrandsService } from '../brands/brands.service.js';
import { contractAnswer } from './contract-answer.js';
import { contractTermsFrom } from './contracts.dto.js';
import type { CreateContractBody } from './contracts.dto.js';
import { checkEnd, checkTerms } from './contract.js';
import type { ContractVersion } from './contract.js';
import { ContractsRepository } from './contracts.repository.js';
import type { ContractView } from './contracts.answers.js';

@Injectable()
export class ContractsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly contracts: ContractsRepository,
    private readonly brands: BrandsService,
    private readonly changes: BrandChangesService,
    private readonly clock: AllianceClock,
    private readonly approvals: Approvals,
  ) {}

  /** Adds the next version. Versions are append-only and never overlap. @throws DomainError `second_person_needed` */
  async create(call: OperatorCall, slug: string, body: CreateContractBody): Promise<Reply<ContractView>> {
    const terms = contractTermsFrom(body);
    return this.byTwo(call, 'contract.create', { brand: slug, terms: body }, async (tx, changed) => {
      let added: ContractVersion | undefined;
      const { record } = await this.changes.apply(tx, slug, async (brand) => {
        const versions = await this.contracts.ofBrand(tx, slug);
        checkTerms(terms, brand, versions);
        const version = (versions.at(-1)?.version ?? 0) + 1;
        added = { ...terms, id: newId('ct'), brand: slug, version, createdAt: this.clock.now() };
        await this.contracts.insert(tx, added);
        return true;
      });
      changed(record);
      if (added === undefined) fail('internal_error');
      return { status: 201, body: contractAnswer(added) };
    });
  }

  /** Closes the open end of a version at a future time. @throws DomainError `second_person_needed` */
  async end(call: OperatorCall, slug: string, id: string, validTo: Date): Promise<Reply<ContractView>> {
    const payload = { brand: slug, contract: id, validTo: formatInstant(validTo) };
    return this.byTwo(call, 'contract.end', payload, async (tx, changed) => {
      let ended: ContractVersion | undefined;
      const { record, changed: closed } = await this.changes.apply(tx, slug, async () => {
        const contract = (await this.contracts.ofBrand(tx, slug)).find((version) => version.id === id);
        if (contract === undefined) fail('not_found');
        ended = { ...contract, validTo };
        if (!checkEnd(contract, validTo, this.clock.now())) return false;
        await this.contracts.end(tx, id, validTo);
        return true;
      });
      if (closed) changed(record);
      if (ended === undefined) fail('internal_error');
      return { status: 200, body: contractAnswer(ended) };
    });
  }

  async list(slug: string): Promise<ContractView[]> {
    await this.brands.get(slug);
    const versions = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.contracts.ofBrand(tx, slug));
    return versions.map(contractAnswer);
  }

  /** Makes a change approved by another client of the operator. */
  private byTwo<T>(call: OperatorCall, act: string, payload: object, work: BrandWork<T>): Promise<Reply<T>> {
    return this.approvals.guarded((approve) =>
      this.changes.once(call, async (tx, changed) => {
        const outcome = await work(tx, changed);
        await approve(tx, { act, maker: call.client, payload });
        return outcome;
      }),
    );
  }

  async overlaps(): Promise<number> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.contracts.overlaps(tx));
  }
}
