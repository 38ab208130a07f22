#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `filters`; its body is [`mqtt_engine_fuzz::filters`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::filters);
