/* libmosquitto, in one thread. */
#include "meter.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>

static int is_connected = 0, goes_on = 1;

static void connected(struct mosquitto *client, void *context, int reason)
{
    (void)client, (void)context;
    if (reason != 0)
        fail("refused", reason);
    is_connected = 1;
}

static void published(struct mosquitto *client, void *context, int id)
{
    (void)client, (void)context, (void)id;
    goes_on = acknowledged();
}

static void check(const char *what, int code)
{
    if (code != MOSQ_ERR_SUCCESS)
        fail(what, code);
}

int main(int count, char **arguments)
{
    if (count != 5)
        fail("arguments", count);
    int version = strcmp(arguments[3], "5.0") == 0 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("client", true, NULL);
    if (client == NULL)
        fail("no client", 0);
    check("version", mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, version));
    check("window", mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, WINDOW));
    mosquitto_connect_callback_set(client, connected);
    mosquitto_publish_callback_set(client, published);
    check("connect", mosquitto_connect(client, arguments[1], atoi(arguments[2]), 60));
    meter_start(atof(arguments[4]));
    uint64_t sent = 0;
    while (goes_on || meter.total < sent) {
        for (; is_connected && goes_on && sent - meter.total < WINDOW; sent++)
            check("publish", mosquitto_publish(client, NULL, TOPIC, PAYLOAD_SIZE, payload, 1, false));
        check("loop", mosquitto_loop(client, 1000, 1));
    }
    int major, minor, revision;
    mosquitto_lib_version(&major, &minor, &revision);
    char name[64];
    snprintf(name, sizeof name, "libmosquitto %d.%d.%d", major, minor, revision);
    meter_print(name);
    return 0;
}
