/** A composite type as the database defines it. */
export interface CompositeType {
  readonly oid: number;
  readonly columns: readonly { readonly name: string; readonly type: number }[];
}

/**
 * Values by column name; a column missing in all layers is null. Several layers form one row, and the first layer with the column
 * wins.
 */
export type Layers = readonly Readonly<Record<string, unknown>>[];

const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const TIMESTAMPTZ = 1184;
const UUID = 2950;
const TEXT = 25;
const TEXT_ARRAY = 1009;
/** Epoch of PostgreSQL's binary timestamps, in Unix ms. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const TWO_32 = 0x1_0000_0000;
const DASH = 45;
/** Values of hexadecimal digits by character code. */
const DIGITS = Uint8Array.from({ length: 103 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

/**
 * Encodes an array of composites in PostgreSQL's binary format (array_recv, record_recv): no escaping, and no parsing of text.
 * Source: src/backend/utils/adt/arrayfuncs.c and rowtypes.c of PostgreSQL.
 */
export function compositeArray(type: CompositeType, rows: readonly Layers[]): Buffer {
  const out = new BinaryWriter(rows.length * 1_024 + 64);
  out.int32(rows.length === 0 ? 0 : 1);
  out.int32(0);
  out.int32(type.oid);
  if (rows.length > 0) {
    out.int32(rows.length);
    out.int32(1);
  }
  for (const row of rows) {
    const from = out.begin();
    out.int32(type.columns.length);
    for (const column of type.columns) {
      out.int32(column.type);
      const at = out.begin();
      if (writeValue(out, column.type, valueOf(row, column.name))) out.end(at);
      else out.nil(at);
    }
    out.end(from);
  }
  return out.done();
}

function valueOf(row: Layers, name: string): unknown {
  for (const layer of row) {
    const value = layer[name];
    if (value !== undefined) return value;
  }
  return null;
}

/** Writes a value; returns false for null. */
function writeValue(out: BinaryWriter, type: number, value: unknown): boolean {
  if (value === null) return false;
  switch (type) {
    case BOOL:
      out.byte(value === true ? 1 : 0);
      break;
    case BYTEA:
      out.bytes(value as Uint8Array);
      break;
    case INT8:
      if (typeof value === 'bigint') out.bigint(value);
      else out.int64(value as number);
      break;
    case INT4:
      out.int32(value as number);
      break;
    case INT2:
      out.int16(value as number);
      break;
    case TIMESTAMPTZ:
      out.int64(((value as Date).getTime() - EPOCH_MS) * 1_000);
      break;
    case UUID:
      out.uuid(value as string);
      break;
    case TEXT_ARRAY:
      out.texts(value as readonly string[]);
      break;
    default:
      // text, json and enums have the same binary form
      out.text(value as string);
  }
  return true;
}

/** A growing buffer. Lengths are filled in once known. */
class BinaryWriter {
  private buffer: Buffer;
  private at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  /** Reserves space for a length. */
  begin(): number {
    this.int32(0);
    return this.at;
  }

  end(from: number): void {
    this.buffer.writeInt32BE(this.at - from, from - 4);
  }

  nil(from: number): void {
    this.buffer.writeInt32BE(-1, from - 4);
  }

  byte(value: number): void {
    this.room(1);
    this.buffer[this.at] = value;
    this.at += 1;
  }

  int16(value: number): void {
    this.room(2);
    this.at = this.buffer.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.room(4);
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  /** Writes an integer within ±2^53. */
  int64(value: number): void {
    this.room(8);
    this.at = this.buffer.writeInt32BE(Math.floor(value / TWO_32), this.at);
    this.at = this.buffer.writeUInt32BE(value - Math.floor(value / TWO_32) * TWO_32, this.at);
  }

  bigint(value: bigint): void {
    this.room(8);
    this.at = this.buffer.writeBigInt64BE(value, this.at);
  }

  /** Writes a UUID, with or without dashes. Each item has a dozen, so it is read digit by digit instead of being split. */
  uuid(value: string): void {
    this.room(16);
    for (let i = 0; i < value.length; i += 2) {
      if (value.charCodeAt(i) === DASH) i += 1;
      this.buffer[this.at] = (DIGITS[value.charCodeAt(i)] ?? 0) * 16 + (DIGITS[value.charCodeAt(i + 1)] ?? 0);
      this.at += 1;
    }
  }

  text(value: string): void {
    // a UTF-16 code unit needs at most three bytes
    this.room(value.length * 3);
    this.at += this.buffer.write(value, this.at, 'utf8');
  }

  /** A non-empty list. */
  texts(values: readonly string[]): void {
    for (const head of [1, 0, TEXT, values.length, 1]) this.int32(head);
    for (const value of values) {
      const from = this.begin();
      this.text(value);
      this.end(from);
    }
  }

  bytes(value: Uint8Array): void {
    this.room(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  done(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
