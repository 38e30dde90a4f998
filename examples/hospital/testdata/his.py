# A hospital information system of the nineties, made of Debian's python3-hl7: it takes two connections and one message at a
# time on each, believes everything, and stops for good on the first thing that it does not understand.
#
#   his.py HOST PORT
import asyncio
import os
import sys

import hl7
from hl7.mllp import start_hl7_server

KNOWN = {"ADT^A01", "ADT^A08", "ADT^A03", "ORU^R01"}


def stop(why):
    print("stopped:", why, flush=True)
    os._exit(1)


def answer(message):
    kind = message["MSH.F9.R1.C1"] + "^" + message["MSH.F9.R1.C2"]
    patient = message.segment("PID")
    if kind not in KNOWN:
        stop("a message of a type that it has not heard of")
    if not message["PID.F3.R1.C1"] or not str(patient[5]):
        stop("a patient without a number or a name")
    ack = message.create_ack("AA", application="HIS", facility="HOSP")
    ack["MSA.F3"] = str(patient[5])  # which brings back what was asked
    return ack


speaking = set()  # the connections on which something came


async def serve(reader, writer):
    while not writer.is_closing():
        try:
            message = await reader.readmessage()
            speaking.add(writer)
            if len(speaking) > 2:
                stop("a third connection")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                stop("half a message")
            break
        except Exception as wrong:
            stop(repr(wrong))
        try:
            writer.writemessage(answer(message))
        except Exception as wrong:
            stop(repr(wrong))
        await writer.drain()
    speaking.discard(writer)
    writer.close()


async def main():
    server = await start_hl7_server(serve, sys.argv[1], int(sys.argv[2]))
    await server.serve_forever()


asyncio.run(main())
