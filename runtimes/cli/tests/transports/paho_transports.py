"""paho-mqtt on a broker: paho_transports.py PORT VERSION TRANSPORT [CA [CERTIFICATE KEY]]. Exits with 0 if all went as it should."""

import queue
import sys

import paho.mqtt.client as mqtt

PORT, VERSION, TRANSPORT = int(sys.argv[1]), sys.argv[2], sys.argv[3]
FILES = sys.argv[4:]
PATIENCE = 20


class Client:
    def __init__(self, name):
        self.subscribed, self.messages, self.connected = queue.Queue(), queue.Queue(), queue.Queue()
        protocol = {"311": mqtt.MQTTv311, "5": mqtt.MQTTv5}[VERSION]
        self.client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=protocol, transport=TRANSPORT
        )
        client.on_connect = lambda c, u, flags, reason, properties: self.connected.put(reason)
        client.on_subscribe = lambda c, u, mid, reasons, properties: self.subscribed.put([r.value for r in reasons])
        client.on_message = lambda c, u, message: self.messages.put(message)
        if FILES:
            client.tls_set(*FILES)
        client.connect("127.0.0.1", PORT, 60)
        client.loop_start()
        reason = self.connected.get(timeout=PATIENCE)
        assert reason.value == 0, reason

    def publish(self, topic, payload, qos):
        info = self.client.publish(topic, payload, qos)
        info.wait_for_publish(PATIENCE)
        assert info.is_published(), "not published"

    def message(self):
        message = self.messages.get(timeout=PATIENCE)
        return message.topic, message.payload, message.qos


receiver, sender = Client("receiver"), Client("sender")
receiver.client.subscribe([("p/0", 0), ("p/1", 1), ("p/2", 2)])
assert receiver.subscribed.get(timeout=PATIENCE) == [0, 1, 2]
for qos in (0, 1, 2):
    for payload in (b"hello", b"", b"x" * 300_000, bytes(range(256)) * 300):
        sender.publish(f"p/{qos}", payload, qos)
        got = receiver.message()
        assert got == (f"p/{qos}", payload, qos), (got[0], len(got[1]), got[2])
    for number in range(100):
        sender.client.publish(f"p/{qos}", str(number), qos)
    for number in range(100):
        assert receiver.message() == (f"p/{qos}", str(number).encode(), qos)
for client in (sender, receiver):
    client.client.disconnect()
    client.client.loop_stop()
