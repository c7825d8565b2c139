# Time, process id (of whoever the timer interrupts), the client's port.
sed -E 's/^[0-9:]{8} [0-9]+ +/TIME PID /; s/10.97.0.1:[0-9]+ */10.97.0.1:PORT /'
