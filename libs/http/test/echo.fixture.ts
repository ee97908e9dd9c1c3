import { Body, Controller, Get, Headers, HttpCode, Module, Param, Post, Query } from '@nestjs/common';
import { BrandRoute, CurrentCaller, InternalRoute, OperatorRoute, PublicRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { defineConfig, processFields } from '#libs/config';
import { AllianceClock, decodeCursor, fail, pageOf } from '#libs/kernel';
import {
  ApiProblems,
  BodyLimit,
  INVARIANTS,
  IsCurrency,
  IsExternalId,
  IsInstant,
  IsMinorAmount,
  IsParts,
  IsPoints,
  IsPrice,
  IsText,
  Keyed,
  PageQuery,
  defineService,
  ifMatch,
} from '../src/index.js';
import type { Invariants, KeyedCall, ServiceDefinition } from '../src/index.js';

/** Number of slow calls that have reached their handler. */
export const slowCalls = { begun: 0 };

class EchoLine {
  @IsText(64)
  lineId!: string;

  @IsMinorAmount()
  net!: number;
}

class EchoBody {
  @IsExternalId()
  externalId!: string;

  @IsCurrency()
  currency!: string;

  @IsInstant()
  occurredAt!: string;

  @IsPoints({ optional: true })
  points?: number | null;

  @IsPrice({ optional: true })
  price?: string | null;

  @IsText(20, { optional: true, each: true })
  tags?: string[];

  @IsParts(() => EchoLine)
  lines!: EchoLine[];
}

class EchoQuery extends PageQuery {
  @IsText(20, { optional: true })
  label?: string;
}

@Controller('v1/echoes')
class EchoController {
  constructor(private readonly clock: AllianceClock) {}

  @Post()
  @BrandRoute('orders:write')
  @ApiProblems('validation_failed', 'brand_suspended')
  create(@Body() body: EchoBody, @Keyed() { brand, key }: KeyedCall): unknown {
    return { brand, lines: body.lines.length, points: body.points ?? null, key: key ?? null };
  }

  @Post('large')
  @BrandRoute('orders:write')
  @BodyLimit(128 * 1024)
  createLarge(@Body() body: EchoBody): unknown {
    return { lines: body.lines.length };
  }

  @Get()
  @BrandRoute('orders:read')
  list(@Query() query: PageQuery): unknown {
    return { limit: query.limit, after: query.after ?? null };
  }

  @Get('pages/:group')
  @BrandRoute('orders:read')
  pages(@Param('group') group: string, @Query() { limit, after, label }: EchoQuery): unknown {
    const from = after === undefined ? 0 : Number(decodeCursor(after, 1)[0]);
    const rows = Array.from({ length: limit + 1 }, (_, i) => ({ group, label: label ?? null, number: from + i + 1 }));
    return pageOf(rows, limit, ({ number }) => [number]);
  }

  @Get('named')
  @PublicRoute()
  named(@Query('colour') colour = 'none'): unknown {
    return { colour };
  }

  @Get('who')
  @OperatorRoute()
  who(@CurrentCaller() caller: Caller): Caller {
    return caller;
  }

  @Get('inside')
  @InternalRoute('ledger')
  inside(@CurrentCaller() caller: Caller): Caller {
    return caller;
  }

  @Get('now')
  @PublicRoute()
  now(): { now: string } {
    return { now: this.clock.now().toISOString() };
  }

  @Get('slow')
  @PublicRoute()
  async slow(): Promise<{ done: true }> {
    slowCalls.begun += 1;
    await new Promise((resolve) => setTimeout(resolve, 400));
    return { done: true };
  }

  @Get('broken')
  @PublicRoute()
  broken(): never {
    throw new Error('the password is hunter2');
  }

  @Get('declined')
  @PublicRoute()
  declined(): never {
    return fail('points_insufficient', { extra: { limit: 5 } });
  }

  @Post('versioned')
  @HttpCode(200)
  @PublicRoute()
  versioned(@Headers('if-match') header: string | undefined): { ok: true } {
    ifMatch(header, 3);
    return { ok: true };
  }

  @Get(':ref')
  @BrandRoute('orders:read')
  read(@Param('ref') ref: string): unknown {
    return ref === 'there' ? { ref } : fail('not_found', { detail: `no ${ref}` });
  }
}

@Module({
  controllers: [EchoController],
  providers: [
    {
      provide: INVARIANTS,
      useValue: {
        check: () => Promise.resolve([{ name: 'echo', ok: true, expected: '0', measured: '0' }]),
      } satisfies Invariants,
    },
  ],
})
class EchoModule {}

@Controller('v1/careless')
class CarelessController {
  @Get()
  open(): string {
    return 'to everybody';
  }
}

/** A module with a route that lacks a declaration. */
@Module({ controllers: [CarelessController] })
export class CarelessModule {}

/** A service without a database, for the specs of this library. */
export const echo: ServiceDefinition<ReturnType<typeof processFields>> = defineService({
  name: 'echo',
  config: defineConfig('echo', processFields()),
  module: () => EchoModule,
});

/** Variables of such a service, without those of the token issuer. */
export const echoEnv: Record<string, string> = {
  LOG_LEVEL: 'silent',
  IDENTITY_URL: 'http://127.0.0.1:9',
  PARTNERS_URL: 'http://127.0.0.1:9',
  CRM_URL: 'http://127.0.0.1:9',
  LEDGER_URL: 'http://127.0.0.1:9',
  SETTLEMENT_URL: 'http://127.0.0.1:9',
  MEMBERSHIP_URL: 'http://127.0.0.1:9',
  REFERRALS_URL: 'http://127.0.0.1:9',
};
