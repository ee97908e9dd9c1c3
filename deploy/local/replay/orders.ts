import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';

export interface OrderLine {
  lineId: string;
  sku: string;
  category: string;
  quantity: number;
  /** Amount paid in money, minor units. */
  net: number;
}

/** One order of the file: all its lines, in the file's order. */
export interface Order {
  id: string;
  brand: string;
  store: string;
  household: string;
  placedAt: string;
  lines: OrderLine[];
}

const COLUMNS = [
  'order_id',
  'brand',
  'store_id',
  'household_id',
  'placed_at',
  'product_id',
  'category',
  'quantity',
  'net_cents',
] as const;
type Column = (typeof COLUMNS)[number];

function wholeNumber(row: Record<Column, string>, column: Column, at: number): number {
  const value = Number(row[column]);
  if (!Number.isSafeInteger(value) || value < 0 || row[column].trim() === '')
    throw new Error(`line ${at}: ${column} is "${row[column]}", not a whole number`);
  return value;
}

/** Reads a file of order lines (`.csv` or `.csv.gz`) and groups the lines by order; orders are in the order of their first lines. */
export async function readOrders(file: string): Promise<Order[]> {
  const source = createReadStream(file);
  const parser = parse({
    columns: (header: string[]) => checkedHeader(file, header),
    bom: true,
    skip_empty_lines: true,
  });
  // pipe() does not forward errors, so a missing file would block the loop below.
  source.on('error', (error) => parser.destroy(error));
  if (file.endsWith('.gz')) source.pipe(createGunzip().on('error', (error) => parser.destroy(error))).pipe(parser);
  else source.pipe(parser);
  const orders = new Map<string, Order>();
  let at = 1;
  for await (const row of parser as AsyncIterable<Record<Column, string>>) {
    at += 1;
    let order = orders.get(row.order_id);
    if (order === undefined) {
      if (Number.isNaN(Date.parse(row.placed_at)))
        throw new Error(`line ${at}: placed_at is "${row.placed_at}", not a time`);
      order = {
        id: row.order_id,
        brand: row.brand,
        store: row.store_id,
        household: row.household_id,
        placedAt: row.placed_at,
        lines: [],
      };
      orders.set(order.id, order);
    } else if (order.household !== row.household_id || order.brand !== row.brand) {
      throw new Error(`line ${at}: order ${order.id} has two households or two brands`);
    }
    order.lines.push({
      lineId: String(order.lines.length + 1),
      sku: row.product_id,
      category: row.category,
      quantity: wholeNumber(row, 'quantity', at),
      net: wholeNumber(row, 'net_cents', at),
    });
  }
  return [...orders.values()];
}

function checkedHeader(file: string, header: string[]): string[] {
  const missing = COLUMNS.filter((column) => !header.includes(column));
  if (missing.length > 0) throw new Error(`${file} has no column ${missing.join(', ')}`);
  return header;
}
