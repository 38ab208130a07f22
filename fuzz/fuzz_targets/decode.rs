#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `decode`; its body is [`mqtt_engine_fuzz::decode`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::decode);
