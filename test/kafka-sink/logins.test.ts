import { createKafkajsSink } from '../../proxy/kafka/kafkajs-sink.js';
import { loginSuite } from './logins.js';

loginSuite('kafkajs', createKafkajsSink);
