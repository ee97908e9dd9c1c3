import { Body, Controller, Delete, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { InternalRoute, OperatorRoute } from '#libs/auth';
import { EVERY_SERVICE } from '#libs/config';
import { ApiAnswer, ApiProblems, IsInstant, shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { AllianceClock, formatInstant, instantFrom } from '#libs/kernel';
import { TestClockService } from './test-clock.service.js';

class TestClockBody {
  @IsInstant({ description: 'The time at which the clock will stand still; never earlier than its current time.' })
  now!: string;
}

// frozen: the clock stands still
const CLOCK = shape.named('TestClock', { now: shape.instant, frozen: shape.flag });
type ClockAnswer = AnswerOf<typeof CLOCK>;

@ApiTags('operator: test clock')
@Controller()
export class TestClockController {
  constructor(
    private readonly testClock: TestClockService,
    private readonly clock: AllianceClock,
  ) {}

  @Post('v1/operator/test-clock')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, CLOCK)
  @ApiOperation({ summary: 'Set the clock of all services (sandbox only)' })
  @ApiProblems('validation_failed', 'clock_backwards', 'test_clock_disabled', 'unavailable', 'outcome_unknown')
  async set(@Body() body: TestClockBody): Promise<ClockAnswer> {
    await this.testClock.set(instantFrom(body.now));
    return this.read();
  }

  @Get('v1/operator/test-clock')
  @OperatorRoute()
  @ApiAnswer(200, CLOCK)
  @ApiOperation({ summary: 'Read the alliance’s clock' })
  read(): ClockAnswer {
    return { now: formatInstant(this.clock.now()), frozen: this.clock.frozenAt !== null };
  }

  @Delete('v1/operator/test-clock')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, CLOCK)
  @ApiOperation({ summary: 'Release the clock to real time (sandbox only)' })
  @ApiProblems('clock_backwards', 'test_clock_disabled', 'unavailable', 'outcome_unknown')
  async release(): Promise<ClockAnswer> {
    await this.testClock.release();
    return this.read();
  }

  @Get('internal/v1/clock')
  @InternalRoute(...EVERY_SERVICE)
  current(): { now: string | null } {
    return { now: this.clock.frozenAt?.toISOString() ?? null };
  }
}
