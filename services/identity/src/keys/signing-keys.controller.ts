import { Controller, Get, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import { operatorClient } from '../clients/operator-client.js';
import { SIGNING_KEYS } from './signing-keys.answers.js';
import { OauthServerService } from '../oauth/oauth-server.service.js';
import { keyView } from './signing-key.js';
import { SigningKeysService } from './signing-keys.service.js';
import type { SigningKeysView } from './signing-keys.answers.js';

@ApiTags('signing keys')
@Controller('v1/operator/signing-keys')
export class SigningKeysController {
  constructor(
    private readonly keys: SigningKeysService,
    private readonly oauth: OauthServerService,
  ) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, SIGNING_KEYS)
  @ApiOperation({ summary: 'List the published keys' })
  async list(): Promise<SigningKeysView> {
    return { data: (await this.keys.published()).map(keyView) };
  }

  @Post('rotations')
  @OperatorRoute()
  @ApiAnswer(201, SIGNING_KEYS)
  @ApiOperation({
    summary: 'Rotate the signing keys: the next one signs, the current one is retired, a new next one is published',
  })
  @ApiProblems('second_person_needed', 'approvals_too_many')
  async rotate(@CurrentCaller() caller: Caller): Promise<SigningKeysView> {
    const keys = await this.keys.rotate(operatorClient(caller));
    await this.oauth.reload();
    return { data: keys.map(keyView) };
  }
}
