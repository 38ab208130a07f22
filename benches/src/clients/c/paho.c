/* Paho's asynchronous client, which has threads of its own for sending and for receiving. */
#include "meter.h"

#include <MQTTAsync.h>
#include <semaphore.h>
#include <unistd.h>

static sem_t connected, room;
static int goes_on = 1;

static void connect_succeeded(void)
{
    sem_post(&connected);
}

static void publish_succeeded(void)
{
    if (!acknowledged())
        __atomic_store_n(&goes_on, 0, __ATOMIC_RELEASE);
    sem_post(&room);
}

#define CALLBACKS(name)                                                  \
    static void on_##name(void *context, MQTTAsync_successData *data)    \
    {                                                                    \
        (void)context, (void)data;                                       \
        name();                                                          \
    }                                                                    \
    static void on_##name##_5(void *context, MQTTAsync_successData5 *data) \
    {                                                                    \
        (void)context, (void)data;                                       \
        name();                                                          \
    }
CALLBACKS(connect_succeeded)
CALLBACKS(publish_succeeded)

static void on_failure(void *context, MQTTAsync_failureData *data)
{
    (void)context;
    fail("failure", data ? data->code : 0);
}

static void on_failure_5(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    fail("failure", data ? data->code : 0);
}

static void check(const char *what, int code)
{
    if (code != MQTTASYNC_SUCCESS)
        fail(what, code);
}

static void connect_to(MQTTAsync client, int is_5)
{
    MQTTAsync_connectOptions connect_3 = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions connect_5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_connectOptions connect = is_5 ? connect_5 : connect_3;
    connect.maxInflight = WINDOW;
    if (is_5) {
        connect.cleanstart = 1;
        connect.onSuccess5 = on_connect_succeeded_5;
        connect.onFailure5 = on_failure_5;
    } else {
        connect.MQTTVersion = MQTTVERSION_3_1_1;
        connect.onSuccess = on_connect_succeeded;
        connect.onFailure = on_failure;
    }
    check("connect", MQTTAsync_connect(client, &connect));
    sem_wait(&connected);
}

static uint64_t publish_all(MQTTAsync client, int is_5)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    if (is_5) {
        response.onSuccess5 = on_publish_succeeded_5;
        response.onFailure5 = on_failure_5;
    } else {
        response.onSuccess = on_publish_succeeded;
        response.onFailure = on_failure;
    }
    uint64_t sent = 0;
    for (;; sent++) {
        sem_wait(&room);
        if (!__atomic_load_n(&goes_on, __ATOMIC_ACQUIRE))
            return sent;
        MQTTAsync_callOptions options = response;
        check("publish", MQTTAsync_send(client, TOPIC, PAYLOAD_SIZE, payload, 1, 0, &options));
    }
}

int main(int count, char **arguments)
{
    if (count != 5)
        fail("arguments", count);
    int is_5 = strcmp(arguments[3], "5.0") == 0;
    char address[128];
    snprintf(address, sizeof address, "tcp://%s:%s", arguments[1], arguments[2]);
    sem_init(&connected, 0, 0);
    sem_init(&room, 0, WINDOW);
    MQTTAsync_createOptions create_3 = MQTTAsync_createOptions_initializer;
    MQTTAsync_createOptions create_5 = MQTTAsync_createOptions_initializer5;
    MQTTAsync_createOptions create = is_5 ? create_5 : create_3;
    MQTTAsync client;
    check("create",
        MQTTAsync_createWithOptions(&client, address, "client", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create));
    connect_to(client, is_5);
    meter_start(atof(arguments[4]));
    uint64_t sent = publish_all(client, is_5);
    while (total_acknowledged() < sent)
        usleep(1000);
    char name[64] = "paho C";
    for (MQTTAsync_nameValue *info = MQTTAsync_getVersionInfo(); info->name != NULL; info++)
        if (strcmp(info->name, "Version") == 0)
            snprintf(name, sizeof name, "paho C %s", info->value);
    meter_print(name);
    return 0;
}
