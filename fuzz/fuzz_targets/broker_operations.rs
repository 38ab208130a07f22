#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `broker_operations`; its body is [`mqtt_engine_fuzz::broker_operations`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::broker_operations);
