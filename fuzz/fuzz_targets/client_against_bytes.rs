#![cfg_attr(fuzzing, no_main)]
#![doc = "The fuzz target `client_against_bytes`; its body is [`mqtt_engine_fuzz::client_against_bytes`]."]

mqtt_engine_fuzz::program!(mqtt_engine_fuzz::client_against_bytes);
