"""An ordinary pymodbus client: client.py PORT. It prints a line for each thing that it has seen."""

import sys

from pymodbus.client import ModbusTcpClient

client = ModbusTcpClient("127.0.0.1", port=int(sys.argv[1]))
assert client.connect()


def show(what, answer):
    if answer.isError():
        print(what, "exception", getattr(answer, "exception_code", answer))
    else:
        print(what, getattr(answer, "registers", None) or getattr(answer, "bits", None) or "ok")


show("read", client.read_holding_registers(40, 3, slave=1))
show("write", client.write_registers(40, [7, 8], slave=1))
show("read", client.read_holding_registers(40, 3, slave=1))
show("inputs", client.read_input_registers(5, 2, slave=2))
show("coil", client.write_coil(0, True, slave=1))
show("coils", client.read_coils(0, 8, slave=1))
show("too high", client.write_register(40, 1001, slave=1))
show("not there", client.write_register(50, 1, slave=1))
show("other unit", client.read_holding_registers(0, 1, slave=9))
show("function", client.write_coil(0, True, slave=2))
show("beyond", client.read_holding_registers(190, 20, slave=1))
client.close()
