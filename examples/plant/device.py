"""A Modbus device of two units, for trying the example (Debian: python3-pymodbus): device.py PORT [HOST]"""

import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartTcpServer


def unit(n):
    return ModbusSlaveContext(
        co=ModbusSequentialDataBlock(1, [False] * 16),
        di=ModbusSequentialDataBlock(1, [True, False] * 8),
        hr=ModbusSequentialDataBlock(1, [1000 * n + i for i in range(200)]),
        ir=ModbusSequentialDataBlock(1, list(range(200))),
    )


StartTcpServer(
    context=ModbusServerContext(slaves={1: unit(1), 2: unit(2)}, single=False),
    address=((sys.argv[2:] or ["127.0.0.1"])[0], int(sys.argv[1])),
)
