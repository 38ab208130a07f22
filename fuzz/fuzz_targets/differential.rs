#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `differential`; its body is [`mqtt_engine_fuzz::differential`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::differential);
