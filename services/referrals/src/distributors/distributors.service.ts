import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory, MemberLinks, storeLinks } from '#libs/directory';
import type { MemberLink } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import {
  AllianceClock,
  decodeCursor,
  ERROR_CATALOGUE,
  fail,
  formatInstant,
  idFromUuid,
  isDomainError,
  pageOf,
  uuidFromId,
} from '#libs/kernel';
import type { FieldFault, Page } from '#libs/kernel';
import { runInTransaction, violatedConstraint } from '#libs/postgres';
import { programmeAt } from '../programmes/programme.js';
import { ProgrammesService } from '../programmes/programmes.service.js';
import { SandboxTimeService } from '../programmes/sandbox-time.service.js';
import type { DistributorDto } from './distributors.dto.js';
import { DistributorsRepository } from './distributors.repository.js';
import type { Distributor } from './distributors.tables.js';
import { ownerOf } from './owner.js';
import type { Earner, Introduction, OwnerKind } from './owner.js';
import type { DistributorRowView, DistributorRowsView, DistributorView } from './distributors.answers.js';

export interface NamedOwner {
  readonly kind: OwnerKind;
  readonly ref?: string | null;
  readonly memberRef?: string | null;
}

/** A resolved owner: the key for earnings and the person. */
export interface KnownOwner {
  readonly kind: OwnerKind;
  readonly ref: string;
  readonly owner: string;
  /** The link of the owner as a person. */
  readonly link: MemberLink | null;
}

type Registration = Pick<KeyedCall, 'brand' | 'caller' | 'key'>;

@Injectable()
export class DistributorsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: DistributorsRepository,
    private readonly links: MemberLinks,
    private readonly programmes: ProgrammesService,
    private readonly directory: BrandDirectory,
    private readonly clock: AllianceClock,
    private readonly time: SandboxTimeService,
  ) {}

  /**
   * Resolves an owner to a wallet, store or brand.
   * @param at pointer of the owner in the call, for faults
   * @throws DomainError `validation_failed`, `store_unknown`, `not_found`
   */
  async resolve(brand: string, owner: NamedOwner, at: string): Promise<KnownOwner> {
    const memberRef = owner.memberRef ?? null;
    const ref = owner.kind === 'member' ? memberRef : owner.kind === 'brand' ? brand : (owner.ref ?? null);
    if (ref === null) {
      const pointer = owner.kind === 'member' ? `${at}/memberRef` : `${at}/ref`;
      return fail('validation_failed', {
        errors: [{ pointer, code: 'required', detail: `A ${owner.kind} needs it.` }],
      });
    }
    refuseMeaningless(brand, owner, at);
    if (owner.kind === 'store' && (await this.directory.get(brand))?.stores.some((store) => store.ref === ref) !== true)
      fail('store_unknown');
    const link = memberRef === null ? null : await this.links.ofBrand(brand, memberRef);
    return { kind: owner.kind, ref, link, owner: ownerOf(owner.kind, brand, ref, link?.walletId ?? null) };
  }

  async ensure(tx: EntityManager, brand: string, { link, ...owner }: KnownOwner): Promise<Distributor> {
    // the copy decides later whether a payee has left, and may not have this link yet
    if (link !== null) await storeLinks(tx, [link]);
    const walletId = link?.walletId ?? null;
    return withinDepth(this.repository.ensure(tx, { ...owner, walletId, brand, createdAt: this.clock.now() }));
  }

  async register(call: Registration, body: DistributorDto): Promise<Reply<DistributorView>> {
    const { brand } = call;
    const owner = await this.resolve(brand, body, '');
    return idempotent(this.dataSource, { ...call, route: 'distributors.register', body }, async (tx) => ({
      status: 201,
      body: await this.registerIn(tx, brand, owner, body.introducer ?? null),
    }));
  }

  /** Imports rows independently. Each row follows the same rules as a single call. */
  async import(call: Registration, rows: readonly DistributorDto[]): Promise<DistributorRowsView> {
    const results: DistributorRowView[] = [];
    for (const row of rows) {
      try {
        const { status, body } = await this.register(call, row);
        results.push({ status, ...(body as object) });
      } catch (error) {
        if (!isDomainError(error)) throw error;
        results.push({ status: error.status, code: error.code, title: ERROR_CATALOGUE[error.code].title });
      }
    }
    return { rows: results };
  }

  async list(brand: string, limit: number, after?: string): Promise<Page<DistributorView>> {
    const position = after === undefined ? null : uuidFromId('ds', String(decodeCursor(after, 1)[0]));
    if (after !== undefined && position === null) fail('cursor_invalid');
    const rows = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.repository.page(tx, brand, position, limit + 1),
    );
    const page = pageOf(rows, limit, (row) => [idFromUuid('ds', row.id)]);
    return { ...page, data: page.data.map(distributorDocument) };
  }

  introductions(tx: EntityManager, earners: readonly Earner[]): Promise<Map<string, Introduction>> {
    return this.repository.introductions(tx, earners);
  }

  /** All owner keys of the persons behind these earners at the brand, by `earnerKey`. */
  personKeys(tx: EntityManager, earners: readonly Earner[]): Promise<Map<string, string[]>> {
    return this.repository.personKeys(tx, earners);
  }

  wallets(tx: EntityManager, owners: readonly string[]): Promise<Map<string, string>> {
    return this.repository.wallets(tx, owners);
  }

  private async registerIn(
    tx: EntityManager,
    brand: string,
    owner: KnownOwner,
    introducer: string | null,
  ): Promise<DistributorView> {
    const distributor = await this.ensure(tx, brand, owner);
    if (introducer === null) return distributorDocument(distributor);
    const id = uuidFromId('ds', introducer);
    const by = id === null ? null : await this.repository.find(tx, id);
    if (by === null) fail('not_found');
    if (distributor.introducer === by.owner) return distributorDocument(distributor);
    if (distributor.introducer !== null || by.owner === distributor.owner) fail('depth_exceeded');
    const now = this.clock.now();
    const programme = programmeAt(await this.programmes.all(tx), now);
    if (programme.maxDepth < 2) fail('depth_exceeded');
    await this.time.tell(tx);
    await withinDepth(this.repository.introduce(tx, distributor, by.owner, now, programme.introducerDays));
    return distributorDocument({ ...distributor, introducer: by.owner });
  }
}

/**
 * Refuses fields that do not fit the kind: a brand is the caller itself, a member is named by `memberRef`. No contradictory field
 * is ignored.
 */
function refuseMeaningless(brand: string, { kind, ref, memberRef }: NamedOwner, at: string): void {
  const foreign = kind === 'brand' ? (ref ?? brand) !== brand : kind === 'member' && (ref ?? null) !== null;
  const person = (kind === 'brand' || kind === 'store') && (memberRef ?? null) !== null;
  const fault = (field: string, detail: string): FieldFault => ({
    pointer: `${at}/${field}`,
    code: 'not_allowed',
    detail,
  });
  const errors = [
    ...(foreign
      ? [fault('ref', kind === 'brand' ? 'It can only be your own brand.' : 'A member is named by memberRef.')]
      : []),
    ...(person ? [fault('memberRef', `A ${kind} is not a member.`)] : []),
  ];
  if (errors.length > 0) fail('validation_failed', { errors });
}

/** Maps the database's depth check to an error. It counts levels by person and serializes the registrations of a brand. */
async function withinDepth<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (violatedConstraint(error) === 'introduction_depth') return fail('depth_exceeded', {}, error);
    throw error;
  }
}

function distributorDocument(distributor: Distributor): DistributorView {
  return {
    id: idFromUuid('ds', distributor.id),
    kind: distributor.kind,
    ref: distributor.ref,
    introduced: distributor.introducer !== null,
    createdAt: formatInstant(distributor.createdAt),
  };
}
