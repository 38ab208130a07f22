"""Flows of paho-mqtt on a broker: paho_flows.py PORT VERSION FLOW. Exits with 0 if the flow went as it should."""

import queue
import socket
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PORT = int(sys.argv[1])
VERSION = {"311": mqtt.MQTTv311, "5": mqtt.MQTTv5}[sys.argv[2]]
FIVE = VERSION == mqtt.MQTTv5
PATIENCE = 20


class Client:
    """A client whose callbacks fill queues, so that a flow reads like a conversation."""

    def __init__(self, name, clean=True, will=None):
        clean_session = {} if FIVE else {"clean_session": clean}
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=VERSION, **clean_session)
        self.clean = clean
        self.connected = queue.Queue()
        self.disconnected = queue.Queue()
        self.subscribed = queue.Queue()
        self.unsubscribed = queue.Queue()
        self.published = queue.Queue()
        self.messages = queue.Queue()
        client = self.client
        client.on_connect = lambda c, u, flags, reason, properties: self.connected.put((flags, reason, properties))
        client.on_disconnect = lambda c, u, flags, reason, properties: self.disconnected.put(reason)
        client.on_subscribe = lambda c, u, mid, reasons, properties: self.subscribed.put([r.value for r in reasons])
        client.on_unsubscribe = lambda c, u, mid, reasons, properties: self.unsubscribed.put([r.value for r in reasons])
        client.on_publish = lambda c, u, mid, reason, properties: self.published.put(reason.value)
        client.on_message = lambda c, u, message: self.messages.put(message)
        if will:
            client.will_set(*will)

    def connect(self):
        """Connects, and gives whether the server had a session."""
        if FIVE:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if self.clean else 1000
            self.client.connect("127.0.0.1", PORT, 60, clean_start=self.clean, properties=properties)
        else:
            self.client.connect("127.0.0.1", PORT, 60)
        self.client.loop_start()
        flags, reason, _ = self.connected.get(timeout=PATIENCE)
        assert reason.value == 0, reason
        return flags.session_present

    def subscribe(self, *filters):
        self.client.subscribe(list(filters))
        return self.subscribed.get(timeout=PATIENCE)

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        info = self.client.publish(topic, payload, qos, retain, properties)
        info.wait_for_publish(PATIENCE)
        assert info.is_published(), "not published"
        return self.published.get(timeout=PATIENCE)

    def message(self):
        message = self.messages.get(timeout=PATIENCE)
        return message.topic, message.payload, message.qos, message.retain

    def disconnect(self):
        self.client.disconnect()
        self.disconnected.get(timeout=PATIENCE)
        self.client.loop_stop()

    def vanish(self):
        """Closes the connection without DISCONNECT."""
        self.client.on_disconnect = None
        self.client.reconnect_delay_set(1000, 1000)
        self.client.socket().shutdown(socket.SHUT_RDWR)


def same(ours, expected):
    assert ours == expected, f"{ours!r} instead of {expected!r}"


def every_qos():
    receiver, sender = Client("receiver"), Client("sender")
    same(receiver.connect(), False)
    sender.connect()
    same(receiver.subscribe(("q/0", 0), ("q/1", 1), ("q/2", 2)), [0, 1, 2])
    for qos in (0, 1, 2):
        for number in range(50):
            sender.publish(f"q/{qos}", f"message {number}", qos)
    got = {0: [], 1: [], 2: []}
    for _ in range(150):
        topic, payload, qos, retain = receiver.message()
        same((topic, retain), (f"q/{qos}", False))
        got[qos].append(payload)
    for qos in (0, 1, 2):
        same(got[qos], [f"message {number}".encode() for number in range(50)])
    receiver.client.unsubscribe("q/1")
    same(len(receiver.unsubscribed.get(timeout=PATIENCE)), 1 if FIVE else 0)
    sender.publish("q/1", "not this", 1)
    sender.publish("q/2", "last", 2)
    same(receiver.message(), ("q/2", b"last", 2, False))
    receiver.disconnect()
    sender.disconnect()
    assert receiver.messages.empty()


def retained():
    sender, live, late = Client("sender"), Client("live"), Client("late")
    sender.connect()
    live.connect()
    late.connect()
    live.subscribe(("state/#", 2))
    sender.publish("state/led", "on", 1, True)
    same(live.message(), ("state/led", b"on", 1, False))
    late.subscribe(("state/+", 2))
    same(late.message(), ("state/led", b"on", 1, True))
    sender.publish("state/led", "", 1, True)
    same(live.message(), ("state/led", b"", 1, False))
    same(late.message(), ("state/led", b"", 1, False))
    late.subscribe(("state/led", 2))
    sender.publish("state/led", "off", 0)
    same(late.message()[1], b"off")


def will():
    witness = Client("witness")
    witness.connect()
    witness.subscribe(("last/#", 2))
    polite = Client("polite", will=("last/polite", "bye", 2, False))
    polite.connect()
    polite.disconnect()
    abrupt = Client("abrupt", will=("last/abrupt", "gone", 2, True))
    abrupt.connect()
    abrupt.vanish()
    same(witness.message(), ("last/abrupt", b"gone", 2, False))
    witness.subscribe(("last/abrupt", 1))
    same(witness.message(), ("last/abrupt", b"gone", 1, True))


def session():
    sender, first = Client("sender"), Client("keeper", clean=False)
    sender.connect()
    same(first.connect(), False)
    same(first.subscribe(("kept/#", 2)), [2])
    first.disconnect()
    for number in range(20):
        sender.publish("kept/x", f"message {number}", 1 + number % 2)
    again = Client("keeper", clean=False)
    same(again.connect(), True)
    got = [again.message() for _ in range(20)]
    # paho hands over a message of QoS 2 at its PUBREL, so the order holds within each QoS.
    for qos in (1, 2):
        numbers = [number for number in range(20) if 1 + number % 2 == qos]
        kept = [message for message in got if message[2] == qos]
        same(kept, [("kept/x", f"message {number}".encode(), qos, False) for number in numbers])
    again.disconnect()
    fresh = Client("keeper")
    same(fresh.connect(), False)
    fresh.disconnect()
    same(Client("keeper", clean=False).connect(), False)


def takeover():
    first, second, witness = Client("twin", will=("twin/will", "gone", 1, False)), Client("twin"), Client("witness")
    witness.connect()
    witness.subscribe(("twin/#", 1))
    first.client.reconnect_delay_set(1000, 1000)
    first.connect()
    second.connect()
    reason = first.disconnected.get(timeout=PATIENCE)
    if FIVE:
        same(reason.value, 0x8E)
    same(witness.message(), ("twin/will", b"gone", 1, False))
    second.subscribe(("alive", 1))
    second.publish("alive", "yes", 1)
    same(second.message()[1], b"yes")


def properties():
    receiver, sender = Client("receiver"), Client("sender")
    receiver.connect()
    sender.connect()
    same(receiver.subscribe(("p/#", 2)), [2])
    sent = Properties(PacketTypes.PUBLISH)
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 1000
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answer/here"
    sent.CorrelationData = b"\x00\x01\xff"
    sent.UserProperty = [("one", "1"), ("two", "2"), ("one", "3")]
    same(sender.publish("p/q", "täxt", 1, properties=sent), 0)
    message = receiver.messages.get(timeout=PATIENCE)
    same(message.payload.decode(), "täxt")
    got = message.properties
    assert 990 <= got.MessageExpiryInterval <= 1000, got
    for name in ("PayloadFormatIndicator", "ContentType", "ResponseTopic", "CorrelationData", "UserProperty"):
        same(getattr(got, name), getattr(sent, name))
    # Nobody subscribes: success, or the reason code that says so.
    assert sender.publish("nobody/here", "x", 1) in (0x00, 0x10)
    assert sender.publish("nobody/here", "x", 2) in (0x00, 0x10)


def subscription_options():
    both = Client("both")
    both.connect()
    both.client.subscribe("o/#", options=SubscribeOptions(qos=1, noLocal=True))
    same(both.subscribed.get(timeout=PATIENCE), [1])
    both.client.subscribe("heard/#", options=SubscribeOptions(qos=1))
    same(both.subscribed.get(timeout=PATIENCE), [1])
    both.publish("o/x", "own", 1)
    both.publish("heard/x", "heard", 1)
    same(both.message()[:2], ("heard/x", b"heard"))


globals()[sys.argv[3]]()
