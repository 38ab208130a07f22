#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `chunking`; its body is [`mqtt_engine_fuzz::chunking`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::chunking);
