"""The Togai twin: accounts, customers, invoices, settings, payments, credits, and webhooks."""
