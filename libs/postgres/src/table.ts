import { EntitySchema, EntitySchemaOptions } from 'typeorm';
import type { ColumnType, EntityManager } from 'typeorm';
import type { Column } from './column.js';

type Columns = Readonly<Record<string, Column<unknown, boolean>>>;
type Row<C extends Columns> = { readonly [P in keyof C]: C[P] extends Column<infer T, boolean> ? T : never };
type FilledOf<C extends Columns> = { [P in keyof C]: C[P] extends Column<unknown, true> ? P : never }[keyof C];

/** A row of a table as the service represents it. */
export type RowOf<T> = T extends EntitySchema<infer R> ? R : never;

/** Inserted columns of a row: all except those set by the database. */
export type InsertOf<T> = T extends Table<object, infer I> ? I : never;

/** A row as returned by `pg`. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** A table for a service: an entity for TypeORM, conversion of rows to SQL, and of SQL results to rows. */
export class Table<R extends object, I extends object> extends EntitySchema<R> {
  private readonly fields: readonly (Column<unknown, boolean> & { readonly name: string; readonly property: string })[];

  constructor(
    private readonly table: string,
    defined: Columns,
  ) {
    const snake = (property: string): string => property.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const fields = Object.entries(defined).map(([property, column]) => {
      return { ...column, property, name: column.name ?? snake(property) };
    });
    const described = fields.map(({ property, name, type, key: primary, nullable, read }) => {
      const array = type.endsWith('[]');
      const transformer = {
        from: (stored: unknown) => (stored === null || read === undefined ? stored : read(stored)),
        to: (value: unknown) => value,
      };
      return [property, { name, type: type.replace('[]', '') as ColumnType, array, primary, nullable, transformer }];
    });
    const columns = Object.fromEntries(described) as EntitySchemaOptions<R>['columns'];
    super(Object.assign(new EntitySchemaOptions<R>(), { name: table, columns }));
    this.fields = fields;
  }

  /** Converts the result of a statement that returns all columns of the table, and possibly others. */
  async query(tx: EntityManager, sql: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await tx.query<StoredRow[]>(sql, [...values])).map(this.fromRow);
  }

  /** @throws Error when a column was not selected */
  readonly fromRow = (stored: StoredRow): R => {
    const row: Record<string, unknown> = {};
    for (const { property, name, read } of this.fields) {
      const value = stored[name];
      if (value === undefined) throw new Error(`${this.table}.${name} was not selected`);
      row[property] = value === null || read === undefined ? value : read(value);
    }
    return row as R;
  };

  /** Rows, or some of their columns, as `given` in the `from` of a statement whose first parameters are `values`. */
  given<K extends keyof I>(rows: readonly Pick<I, K>[], properties?: readonly K[]) {
    const wanted = properties as readonly string[] | undefined;
    const fields = this.fields.filter((field) => wanted?.includes(field.property) ?? field.filled !== true);
    const names = fields.map(({ name }) => name).join(', ');
    // unnest flattens nested arrays
    const lists = fields.map(({ type }, i) => `$${i + 1}::${type.endsWith('[]') ? 'text' : type}[]`).join(', ');
    const casts = fields.map(({ name, type }) => (type.endsWith('[]') ? `${name}::${type}` : name)).join(', ');
    const values = fields.map(({ property, name, write }) =>
      rows.map((row) => {
        const value = row[property as K] as unknown;
        if (value === undefined) throw new Error(`${this.table}.${name} was not given`);
        return value === null || write === undefined ? value : write(value);
      }),
    );
    return { names, sql: `(select ${casts} from unnest(${lists}) as r (${names})) as given`, values };
  }

  /** Inserts all rows in one statement; `then` is appended: on conflict, returning. */
  async insert(tx: EntityManager, rows: readonly I[], then = ''): Promise<StoredRow[]> {
    if (rows.length === 0) return [];
    const { names, sql, values } = this.given<keyof I>(rows);
    return tx.query(`insert into ${this.table} (${names}) select ${names} from ${sql} ${then}`, values);
  }
}

/** A table of the service's database, each column once: `{ id: key(uuid()), walletId: text(), cap: orNull(bigint()) }`. */
export function defineTable<C extends Columns>(table: string, columns: C): Table<Row<C>, Omit<Row<C>, FilledOf<C>>> {
  return new Table(table, columns);
}

/** Rows that a statement makes and that are of no one table. */
export function defineRows<C extends Columns>(columns: C): Table<Row<C>, never> {
  return new Table('the row', columns);
}
