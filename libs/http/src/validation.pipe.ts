import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { fail } from '#libs/kernel';
import { faultsOf } from './faults.js';
import { quickCheck, REFUSED } from './quick-check.js';
import { tooWide } from './structure.js';

const PLAIN = new Set<unknown>([String, Number, Boolean, Array, Object, undefined]);
// control characters and lone surrogates: no valid id contains them, and PostgreSQL refuses some of them
const UNSAFE = /[\p{Cc}\p{Cs}]/u;

/**
 * Checks bodies and queries against their DTO classes. Readable but invalid input is 422 with a pointer for each fault; an undeclared
 * field is a fault.
 */
export class ValidationPipe implements PipeTransform {
  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    if (metadata.type === 'param') return checkedParam(value);
    const dto = metadata.metatype;
    if ((metadata.type !== 'body' && metadata.type !== 'query') || dto === undefined || PLAIN.has(dto)) return value;
    if (metadata.type === 'body') requireObject(value);
    const quick = surelyRight(dto as new () => object, value, metadata.type);
    if (quick !== REFUSED) return quick;
    if (metadata.type === 'body') refuseTooWide(dto as new () => object, value as object);
    const instance: unknown = plainToInstance(dto, value ?? {});
    if (typeof instance !== 'object' || instance === null) return fail('body_unreadable');
    const errors = validateSync(instance, {
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: false,
      validationError: { target: false },
    });
    if (errors.length > 0) {
      fail('validation_failed', { errors: faultsOf(errors, metadata.type === 'query' ? '/query' : '') });
    }
    return instance;
  }
}

/** Query values are text that rules may have to convert first, so only an empty query takes the quick path. */
function surelyRight(dto: new () => object, value: unknown, type: 'body' | 'query'): unknown {
  if (typeof value !== 'object' || value === null) return REFUSED;
  return type === 'body' || Object.keys(value).length === 0 ? quickCheck(dto, value) : REFUSED;
}

function refuseTooWide(dto: new () => object, body: object): void {
  const errors = tooWide(dto, body);
  if (errors.length > 0) fail('validation_failed', { errors });
}

function requireObject(body: unknown): void {
  if (body === undefined || body === null || body === '') fail('body_unreadable', { detail: 'Must be a JSON object.' });
  if (typeof body !== 'object' || Array.isArray(body)) {
    fail('validation_failed', { errors: [{ pointer: '', code: 'not_an_object', detail: 'Must be a JSON object.' }] });
  }
}

/** A path parameter that cannot be an id is not found. */
function checkedParam(value: unknown): unknown {
  if (typeof value === 'string' && (value.length > 256 || UNSAFE.test(value))) fail('not_found');
  return value;
}
