#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `conversation`; its body is [`mqtt_engine_fuzz::conversation`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::conversation);
