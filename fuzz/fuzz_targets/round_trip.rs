#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `round_trip`; its body is [`mqtt_engine_fuzz::round_trip`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::round_trip);
