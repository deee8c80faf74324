"""x"""
def openapi(s): return {}
