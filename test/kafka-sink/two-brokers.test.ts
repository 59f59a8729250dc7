import { createKafkajsSink } from '../../proxy/kafka/kafkajs-sink.js';
import { twoBrokerHazards } from './two-brokers.js';

twoBrokerHazards('kafkajs', createKafkajsSink);
